/* SPDX-License-Identifier: Apache-2.0
 * Hadoop's own reader and writer of sequence files, for tests that hold ours against them.
 *
 *   read FILE...                           a line a record: key TAB bytes TAB the value in hex; and
 *                                          one with a '#' before and after
 *   copy FROM TO LAYOUT CODEC [BLOCK]      LAYOUT: none, record, block; CODEC: a class of
 *                                          org.apache.hadoop.io.compress; BLOCK: bytes of a block
 *   copy-int ...                           the same with IntWritable keys 0, 1, 2, ... */
import org.apache.hadoop.conf.Configurable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.io.BytesWritable;
import org.apache.hadoop.io.IntWritable;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.SequenceFile;
import org.apache.hadoop.io.SequenceFile.CompressionType;
import org.apache.hadoop.io.SequenceFile.Reader;
import org.apache.hadoop.io.SequenceFile.Writer;
import org.apache.hadoop.io.Writable;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.util.ReflectionUtils;

public class SequenceFiles {
    static final char[] DIGITS = "0123456789abcdef".toCharArray();

    static Path path(String name) {
        return new Path(new java.io.File(name).getAbsoluteFile().toURI());
    }

    static Configuration configuration() {
        Configuration conf = new Configuration();
        conf.set("fs.file.impl", RawLocalFileSystem.class.getName()); /* no .crc files beside */
        return conf;
    }

    static void read(String name) throws Exception {
        Configuration conf = configuration();
        StringBuilder out = new StringBuilder();
        try (Reader reader = new Reader(conf, Reader.file(path(name)))) {
            Writable key = (Writable) ReflectionUtils.newInstance(reader.getKeyClass(), conf);
            BytesWritable value = new BytesWritable();
            out.append("# ").append(reader.getKeyClassName()).append(' ').append(reader.getValueClassName()).append('\n');
            long count = 0;
            for (; reader.next(key, value); count++) {
                out.append(key).append('\t').append(value.getLength()).append('\t');
                byte[] bytes = value.getBytes();
                for (int i = 0; i < value.getLength(); i++)
                    out.append(DIGITS[bytes[i] >> 4 & 15]).append(DIGITS[bytes[i] & 15]);
                out.append('\n');
            }
            out.append("# ").append(count).append(" records\n");
        }
        System.out.print(out);
    }

    static void copy(String[] a, boolean numbered) throws Exception {
        Configuration conf = configuration();
        if (a.length > 5) conf.set("io.seqfile.compress.blocksize", a[5]);
        CompressionCodec codec = (CompressionCodec) ReflectionUtils.newInstance(
            Class.forName("org.apache.hadoop.io.compress." + a[4]), conf);
        CompressionType layout = CompressionType.valueOf(a[3].toUpperCase());
        try (Reader reader = new Reader(conf, Reader.file(path(a[1])));
             Writer writer = SequenceFile.createWriter(conf, Writer.file(path(a[2])),
                 Writer.keyClass(numbered ? IntWritable.class : LongWritable.class),
                 Writer.valueClass(BytesWritable.class), Writer.compression(layout, codec))) {
            LongWritable key = new LongWritable();
            BytesWritable value = new BytesWritable();
            for (int i = 0; reader.next(key, value); i++)
                writer.append(numbered ? new IntWritable(i) : key, value);
        }
    }

    public static void main(String[] a) throws Exception {
        for (int i = 1; a[0].equals("read") && i < a.length; i++) read(a[i]);
        if (a[0].startsWith("copy")) copy(a, a[0].equals("copy-int"));
    }
}
