/* SPDX-License-Identifier: Apache-2.0
 * The contracts of the stages: source → (extract → decoder) → sink. Read this second.
 *
 * A stage is one constant table of at most six functions, in one file, named by one line in
 * src/registry.def. No slot is ever NULL: a stage names a default (eg_…_nop) where it has nothing
 * to do. Calls on one instance are never concurrent unless a slot says so; instances run in
 * parallel, so a stage has no writable statics. The env supplies clock, log, cancellation and
 * sizes: no stage asks the system for the time. Bad input is not an error: it is counted in the
 * tally by cause, and the stage goes on.
 *
 *   source   bytes in       : emits `raw` batches (frames or datagrams), in *units* that can be
 *                             read in parallel, and says how far it was read (position)
 *   extract  raw → rows     : turns the raw batches of a unit into rows of one table; what depends
 *                             on earlier units waits for join(), which runs in the order of the input
 *   decoder  datagram → rows: one export protocol; called by the `exports` extract
 *   sink     batches out    : flush() is the durable barrier; positions are part of it
 */
#ifndef EG_TABLE_STAGE_H
#define EG_TABLE_STAGE_H

#include "base/option.h"
#include "table/batch.h"
#include "table/tally.h"

#define EG_STAGE_ABI 1

/* What every stage gets from outside. Lives as long as the stages do. */
struct eg_env {
    int64_t (*now_us)(void *clock); /* wall clock, µs UTC; somebody may set it */
    /* Steady clock, µs since whenever: nobody sets it, and it goes on while the machine sleeps. NULL: the
     * system's. */
    int64_t (*steady_us)(void *clock);
    void *clock; /* of both */
    void (*log)(void *log_to, int level,
                const char *message); /* 3 error, 4 warning, 6 info, 7 debug */
    void *log_to;
    const atomic_bool *cancel; /* set: stop soon, answer EG_E_CANCELLED; NULL: never */
    const atomic_bool *drain;  /* set: a live source takes no more, gives out what it has, and ends;
                                  NULL: never */
    uint32_t batch_rows;       /* capacity of batches; EG_BATCH_ROWS unless a test says otherwise */
    uint64_t unit_bytes;       /* how much input a unit holds; 0: what suits the source */
    /* position() will be asked for: of a source that can say what was read only while it reads (its
     * digest), it is asked for nowhere else. */
    bool positions;
};
/* The real clock, a silent log, no cancellation, usual sizes. */
extern const struct eg_env eg_env_plain;
int64_t eg_env_steady_us(const struct eg_env *);
static inline bool eg_env_draining(const struct eg_env *env) {
    return env->drain && atomic_load_explicit(env->drain, memory_order_relaxed);
}
static inline bool eg_env_cancelled(const struct eg_env *env) {
    return env->cancel && atomic_load_explicit(env->cancel, memory_order_relaxed);
}

/* ---- source --------------------------------------------------------------------------------- */

/* How far a source has been read, in words any manifest can hold. */
struct eg_position {
    char key[40];       /* what finds it again: digest of a file's first bytes; topic/partition */
    char digest[33];    /* of everything before `offset` in the uncompressed input; "" if none */
    uint64_t offset;    /* the first byte (record) that has not been read */
    bool cut;           /* what stands behind it was counted as capture_cut … */
    uint64_t cut_bytes; /* … so many bytes … */
    int64_t cut_us;     /* … under this time; INT64_MIN: none */
    char table[16];     /* whose rows it vouches for (eg_extract_type.position); set by the pump */
    char state[256];    /* what that extract needs to go on from `offset`: see eg_extract_state */
    char name[1024];    /* what it was called, for people */
};

enum eg_plan_state {
    EG_PLAN_NEW,   /* nothing of it is known */
    EG_PLAN_GROWN, /* its beginning is known; resume_offset says how much */
    EG_PLAN_KNOWN, /* all of it is known: there is nothing new */
    EG_PLAN_CHANGED, /* it begins like a known one but differs before that one's offset; read as new */
};

#define EG_UNITS_STREAM UINT64_MAX

struct eg_plan {
    enum eg_plan_state state;
    uint64_t resume_offset; /* units that begin before it are known; one begins exactly there */
    uint64_t units;         /* how many; EG_UNITS_STREAM: each next() is a unit of its own */
    bool live;              /* a stream without an end: next() answers EG_AGAIN where nothing came
                               for 100 ms, and EG_END only when the env drains */
    uint64_t bytes;         /* size of the input as stored; 0: not known */
    const atomic_ullong *bytes_read; /* how much was read so far, of `bytes` where they are known,
                                        kept by a source whose units do not tell it (compressed
                                        input, pipes); else NULL */
    uint64_t ends;  /* where it ended, if that is before a place that is known of what begins as it
                         does (its uncompressed bytes are so many); else 0 */
    char like[256]; /* set by the scan: it is KNOWN as the beginning of what was called so */
    bool rest;      /* KNOWN: more stands behind, though not yet (or not any more) a whole record */
    const char *warning; /* CHANGED: says so, in one line; else NULL */
    char key[40];        /* as in struct eg_position: what others know this input by; "" if none */
    char lock[40];       /* as key, by more bytes: many captures begin alike; "": the key does */
    char digest[33];     /* of what stands before resume_offset; "" where that is 0 */
};

struct eg_source; /* each source type defines its own */

struct eg_source_type {
    uint32_t abi; /* EG_STAGE_ABI */
    const char *name, *help;
    const struct eg_option *options; /* ends with EG_OPTION_END */
    size_t options_size;

    /* Opens what `uri` names. Blocking is fine. Errors: as eg_reader_open. */
    enum eg_status (*open)(const struct eg_env *, const char *uri, const void *options,
                           struct eg_source **out, struct eg_error *);
    /* Called once, before next(): decides units. `known` are positions that a sink vouches for
     * (of any source), in the order of their keys; the source finds its own among them. */
    enum eg_status (*plan)(struct eg_source *, const struct eg_position *known, size_t known_count,
                           struct eg_plan *out, struct eg_error *);
    /* The next raw batch of a unit; EG_END when the unit (or the stream) is over; EG_AGAIN when a
     * live stream has nothing now. Different units may be read by different threads at once; one
     * unit, or a stream, by one at a time. *out is the caller's. Damage is counted in `tally` (which
     * is the caller's thread's). A unit fails before it gives a batch, and once it has failed so do
     * those behind it: what comes behind a failure is read again, and must not have been given out. */
    enum eg_status (*next)(struct eg_source *, uint64_t unit, struct eg_batch **out,
                           struct eg_tally *tally, struct eg_error *);
    /* The position behind unit `last` (behind all of a stream's batches so far). Never concurrent
     * with next(). `last` only grows from call to call. */
    enum eg_status (*position)(struct eg_source *, uint64_t last, struct eg_position *out,
                               struct eg_error *);
    /* All sinks hold what was read up to `position`: acknowledge it to where it came from. */
    enum eg_status (*commit)(struct eg_source *, const struct eg_position *, struct eg_error *);
    void (*close)(struct eg_source *); /* cannot fail */
};
enum eg_status eg_source_commit_nop(struct eg_source *, const struct eg_position *,
                                    struct eg_error *);

/* ---- what an extract or decoder writes into --------------------------------------------------- */

/* Rows and counts of one thread. Rows that fill a batch are sealed into `ready`. */
struct eg_out {
    struct eg_builder *rows;
    struct eg_builder *also; /* of the extract's second table; NULL: it has none, or nobody asked */
    struct eg_tally tally;
    struct eg_batch **ready; /* sealed, waiting to be taken; the scan's */
    uint32_t ready_count, ready_room;
    uint64_t unit;      /* stamped on the batches */
    uint64_t datagrams; /* exports decoded, counted by the exports extract; for progress */
    bool failed;        /* memory ran out: rows were dropped and counted under no_memory */
};
/* Makes room for at least one row and at most `want`; answers how many (>= 1). Call it before
 * filling the builder's slots; a block of rows may have to be written in several pieces. */
uint32_t eg_out_room(struct eg_out *, uint32_t want);
/* Room for one row of the second table; false: nobody asked for it. */
bool eg_out_also(struct eg_out *);
/* Seals what has been built so far. */
void eg_out_seal(struct eg_out *);

/* ---- extract ----------------------------------------------------------------------------------- */

struct eg_extract;      /* shared by all units of one input */
struct eg_extract_unit; /* the state of one unit, one thread at a time */
struct eg_book;         /* what exporters said of how to read them (wire/book.h) */

/* For an extract that holds rows back (a meter). Its rows come in an order of their own in each shard,
 * which depends on the input alone: not on units, batches or threads. So a killed run is repeated by
 * reading from where nothing was held (position.offset) and leaving out the first given[i] rows of
 * each shard, and what was counted with them. Written by the extract in join() and finish(), read
 * while the scan is held; in position.state as words (table/scan_state.h). */
#define EG_SHARDS 16
struct eg_extract_state {
    uint64_t given[EG_SHARDS]; /* rows made since nothing was held: those left out are among them */
    uint64_t leave[EG_SHARDS]; /* at open: the first so many are not to be given out again */
};

/* How packets become flows; 0 is the default everywhere. */
#define EG_METERING_IDLE_US INT64_C(30000000)
#define EG_METERING_ACTIVE_US INT64_C(300000000)
#define EG_METERING_MEMORY (UINT64_C(256) << 20)
struct eg_metering {
    int64_t idle_us;           /* a flow ends after so long without a packet */
    int64_t active_us;         /* and after so long in all */
    uint64_t memory_max;       /* of the flow cache, bytes; beyond, the flow that has been
                                idle the longest is given out early */
    bool one_way;              /* each direction is a flow of its own; else a conversation's two
                                directions live and end together, and `initiator` is known */
    bool vlan_key, tunnel_key; /* the VLAN id, the tunnel id are part of a flow's key */
    bool outermost;            /* of tunnelled packets the outer addresses count */
    uint32_t payload_bytes;    /* first bytes of payload kept in `extra` (0: none) */
};

/* The input once more, from its beginning and in order, apart from the reading that goes on: for an
 * extract whose rows depend on what comes later. take() gets every raw batch, and NULL where a unit
 * is over; its failure ends the reading. What could not be read is not there. */
struct eg_again {
    enum eg_status (*read)(void *of,
                           enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *),
                           void *to, struct eg_error *);
    void *of;
};

struct eg_extract_options {        /* what it points to outlives the extract */
    eg_column_set columns;         /* which columns are asked for */
    const uint16_t *netflow_ports; /* ports known to carry exports */
    uint32_t netflow_port_count;
    const char *input_name; /* for the column `file`; may be NULL */
    struct eg_book *book;   /* kept from input to input by whoever scans; NULL: the input
                                      begins with nothing known */
    const struct eg_metering *metering; /* of the extract `metered`, and whether tunnels are looked
                                           into; NULL: as usual */
    struct eg_extract_state *state;     /* NULL: nobody will ask */
    const struct eg_again *again;       /* in join() only; NULL: the input cannot be read twice */
    bool
        live; /* the input has no end: a raw batch without rows says that nothing waits to be read */
    bool remarks_elsewhere; /* another extract counts what is remarkable about the frames */
};

struct eg_extract_type {
    uint32_t abi;
    const char *name, *help;
    enum eg_table_id table;
    enum eg_table_id also; /* a second table it may fill; EG_TABLE_COUNT: none */
    const char *position;  /* what positions call what it has given out */
    /* It holds rows back, until join(NULL): its position is where it held none, with its state. It sees
     * nothing of what stands before that. */
    bool holds;
    bool ticks; /* of a live input it is told that time passes, too: by units without rows */

    enum eg_status (*open)(const struct eg_env *, const struct eg_extract_options *,
                           struct eg_extract **out, struct eg_error *);
    /* Begins a unit. May run concurrently with other units' feed and with join. */
    enum eg_status (*begin)(struct eg_extract *, uint64_t unit, struct eg_extract_unit **out,
                            struct eg_error *);
    /* One raw batch of the unit. `claimed`, when not NULL, has a bit per raw row (zeroed by the
     * scan before the first extract): the exports extract sets those that held an export; the
     * packets extract leaves out those that are set. Keeps a reference to `raw` only if it must
     * look at it again in join(). */
    enum eg_status (*feed)(struct eg_extract_unit *, struct eg_batch *raw, uint64_t *claimed,
                           struct eg_out *, struct eg_error *);
    /* In the order of the input, never concurrent with itself: settles what the unit could not
     * know alone. Everything waits for it, so it only does what must be done in order. `unit` NULL:
     * all units are finished, the input is over, drain all state. EG_AGAIN (of that call only): there
     * is more; call again when what came has been taken. */
    enum eg_status (*join)(struct eg_extract *, struct eg_extract_unit *unit, struct eg_out *,
                           struct eg_error *);
    /* After the unit's join, in any order, concurrent with all else: decodes what had to wait for
     * it, and frees the unit (also when it fails). */
    enum eg_status (*finish)(struct eg_extract_unit *, struct eg_out *, struct eg_error *);
    void (*close)(struct eg_extract *);
};

/* For extracts whose units know all they need: nothing depends on other units. */
enum eg_status eg_extract_join_nop(struct eg_extract *, struct eg_extract_unit *, struct eg_out *,
                                   struct eg_error *);

/* ---- decoder ----------------------------------------------------------------------------------- */

/* One UDP datagram (or message) that may be an export. */
struct eg_datagram {
    struct eg_span payload;  /* what was captured of it */
    uint32_t length;         /* what it had on the wire */
    int64_t time_us;         /* of capture or receipt; INT64_MIN: unknown */
    struct eg_addr exporter; /* its sender; all zero: unknown (a file of messages) */
    uint16_t exporter_port, local_port;
    uint8_t transport; /* 17: UDP; 6: a message of a TCP connection; 0: of a file */
    uint64_t at;       /* its place in the order of all input; 0 until it was settled */
    uint64_t row;      /* that brought (the last of) it, counted from 1 on in its input; likewise */
};

/* What a decoder says about sequence numbers; the exports extract keeps the account. */
struct eg_sequence_note {
    const char *source; /* "netflow5" */
    int64_t domain;
    uint32_t first;   /* number of the first record (v5, IPFIX) or of the datagram (v9) */
    uint32_t count;   /* how far it moves the number */
    uint32_t boot_ms; /* when the exporter started, by its own clocks, ms modulo 2^32 */
    bool present, has_boot;
    bool open; /* how far it moves the number is not known, at least by `count` */
};

enum eg_probe { EG_PROBE_NO, EG_PROBE_MAYBE, EG_PROBE_YES };

struct eg_decoder; /* one per unit */

struct eg_decoder_type {
    uint32_t abi;
    const char *name, *help; /* the name is also the value of the column `source` */
    const struct eg_option *options;
    size_t options_size;

    /* YES: certainly an export of this protocol, on any port. MAYBE: looks like one; decoded only
     * on a known port or from a known exporter. Pure function of the datagram. */
    enum eg_probe (*probe)(const struct eg_datagram *);
    /* `book` outlives the decoder; many decoders use it at once (wire/book.h says how). */
    enum eg_status (*open)(const struct eg_env *, const void *options, struct eg_book *book,
                           struct eg_decoder **out, struct eg_error *);
    /* In the order of the input, and before the decode() of this or any later datagram: takes
     * what others depend on (templates, sampling rates) into the book, at datagram->at, and tells
     * the datagram's numbers (decode()'s note is not asked for then). Default: nothing is learned,
     * and datagrams are decoded in any order. */
    void (*learn)(struct eg_decoder *, const struct eg_datagram *, struct eg_sequence_note *,
                  struct eg_tally *);
    /* Rows into out->rows, remarks into out->tally. Never fails: bad records are counted. */
    void (*decode)(struct eg_decoder *, const struct eg_datagram *, struct eg_out *,
                   struct eg_sequence_note *);
    void (*close)(struct eg_decoder *);
};

/* For decoders that keep nothing between datagrams: *out is NULL. */
enum eg_status eg_decoder_open_nop(const struct eg_env *, const void *options, struct eg_book *,
                                   struct eg_decoder **out, struct eg_error *);
void eg_decoder_learn_nop(struct eg_decoder *, const struct eg_datagram *,
                          struct eg_sequence_note *, struct eg_tally *);
void eg_decoder_close_nop(struct eg_decoder *);

/* ---- sink -------------------------------------------------------------------------------------- */

struct eg_sink; /* each sink type defines its own */

enum eg_takes {
    EG_TAKES_BATCH,   /* batches of the tables */
    EG_TAKES_RECORDS, /* encoded records; the pump puts an encoder before it (option `format`) */
    EG_TAKES_RAW,     /* batches of the table `raw`, in the order of the input, undecoded */
};

struct eg_sink_type {
    uint32_t abi;
    const char *name, *help;
    const struct eg_option *options;
    size_t options_size;
    enum eg_takes takes;

    /* `uri` is what the user wrote; nothing is changed outside before the first write. */
    enum eg_status (*open)(const struct eg_env *, const char *uri, const void *options,
                           struct eg_sink **out, struct eg_error *);
    /* Borrows the batch; takes a reference if it must keep it. For EG_TAKES_RECORDS the batch is of
     * eg_records_table (encode.h). err->retriable: the pump calls again. */
    enum eg_status (*write)(struct eg_sink *, struct eg_batch *, struct eg_error *);
    /* The barrier: on EG_OK everything written so far is durable, together with `positions`,
     * atomically where the sink can. Called with count 0 where there is no position to keep. */
    enum eg_status (*flush)(struct eg_sink *, const struct eg_position *positions, size_t count,
                            struct eg_error *);
    /* Positions this sink vouches for, to be freed with eg_free; none: *out NULL, *count 0. */
    enum eg_status (*positions)(struct eg_sink *, struct eg_position **out, size_t *count,
                                struct eg_error *);
    /* What the sink itself lost since the last call is added, and forgotten. Not while it is written
     * to; a last time before close(). */
    void (*losses)(struct eg_sink *, struct eg_tally *);
    void (*close)(struct eg_sink *); /* drops what was not flushed; cannot fail */
};
enum eg_status eg_sink_flush_nop(struct eg_sink *, const struct eg_position *, size_t,
                                 struct eg_error *);
enum eg_status eg_sink_positions_none(struct eg_sink *, struct eg_position **, size_t *,
                                      struct eg_error *);
void eg_sink_losses_none(struct eg_sink *, struct eg_tally *);

/* ---- the registry (src/registry.c, made of src/registry.def) ------------------------------------ */

enum eg_stage_kind { EG_STAGE_source, EG_STAGE_extract, EG_STAGE_decoder, EG_STAGE_sink };

struct eg_stage {
    enum eg_stage_kind kind;
    const char *name;
    const char *file;        /* below src/ */
    const void *type;        /* struct eg_…_type of its kind; NULL where it was not built */
    const char *unavailable; /* why not */
};
const struct eg_stage *eg_registry(size_t *count);
/* The stage of that kind and name, or NULL. */
const struct eg_stage *eg_registry_find(enum eg_stage_kind, const char *name);

#endif
