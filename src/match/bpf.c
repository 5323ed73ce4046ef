/* SPDX-License-Identifier: Apache-2.0
 * BPF through libpcap. Sources: pcap_compile(3PCAP), pcap_offline_filter(3PCAP); the capture file
 * format of pcap-savefile(5).
 *
 * libpcap is given each link type as the head of a capture file, so that the numbers of files become
 * its own by its own table. The compiled programs stand in a list that only grows: readers look
 * through what its count says is there, without a lock; who misses a link type takes the lock. */
#include "match/bpf.h"

#include "base/alloc.h"
#include "wire/dissect.h"

#include <pcap/pcap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* The time of libpcap's compiler grows with the square of a filter, that of its optimizer faster: with
 * thousands of hosts it is minutes. */
#define OPTIMIZED_MAX 2048
#define TEXT_MAX 16384

#define FILE_HEAD_SIZE 24
#define LINKS_KNOWN 300 /* LINKTYPE numbers that are given out */

struct program {
    int32_t link_type;
    bool good;
    struct bpf_program code; /* good */
    char why[200];           /* not good */
};

struct eg_bpf {
    char *text;
    pthread_mutex_t lock; /* of compiling: libpcap looks names up, which is not all reentrant */
    atomic_uint count;
    struct program *programs[EG_BPF_LINKS_MAX];
};

/* As if a capture file of that link type had been opened; NULL: *why says why not. */
static pcap_t *file_of(int32_t link_type, char why[PCAP_ERRBUF_SIZE]) {
    uint32_t head[FILE_HEAD_SIZE / 4] = {0xa1b2c3d4, 4u << 16 | 2,       0,
                                         0,          EG_FRAME_BYTES_MAX, (uint32_t)link_type};
    FILE *file = fmemopen(head, sizeof head, "r");
    if (!file) {
        snprintf(why, PCAP_ERRBUF_SIZE, "no memory");
        return NULL;
    }
    pcap_t *pcap = pcap_fopen_offline(file, why);
    if (!pcap) fclose(file);
    return pcap;
}

/* One line, without the end of a line that some of libpcap's texts have. */
static void note(struct program *program, const char *text) {
    snprintf(program->why, sizeof program->why, "%s", text);
    program->why[strcspn(program->why, "\r\n")] = 0;
}

static void compile(struct program *program, const char *text) {
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = file_of(program->link_type, why);
    if (!pcap) {
        note(program, why);
        return;
    }
    int optimize = strlen(text) <= OPTIMIZED_MAX;
    program->good = pcap_compile(pcap, &program->code, text, optimize, PCAP_NETMASK_UNKNOWN) == 0;
    if (!program->good) note(program, pcap_geterr(pcap));
    pcap_close(pcap);
}

static const struct program *find(struct eg_bpf *bpf, int32_t link_type) {
    unsigned count = atomic_load_explicit(&bpf->count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (bpf->programs[i]->link_type == link_type) return bpf->programs[i];
    return NULL;
}

/* The program for a link type; NULL: no memory, or too many of them. The caller holds the lock. */
static const struct program *add(struct eg_bpf *bpf, int32_t link_type) {
    unsigned count = atomic_load_explicit(&bpf->count, memory_order_relaxed);
    if (count >= EG_BPF_LINKS_MAX) return NULL;
    struct program *program = eg_calloc(1, sizeof *program);
    if (!program) return NULL;
    program->link_type = link_type;
    compile(program, bpf->text);
    bpf->programs[count] = program;
    atomic_store_explicit(&bpf->count, count + 1, memory_order_release);
    return program;
}

static const struct program *program_for(struct eg_bpf *bpf, int32_t link_type) {
    const struct program *program = find(bpf, link_type);
    if (program) return program;
    pthread_mutex_lock(&bpf->lock);
    program = find(bpf, link_type); /* another thread may have been faster */
    if (!program) program = add(bpf, link_type);
    pthread_mutex_unlock(&bpf->lock);
    return program;
}

enum eg_truth eg_bpf_ask(struct eg_bpf *bpf, const struct eg_frame *frame, const char **why) {
    const struct program *program = program_for(bpf, frame->link_type);
    if (!program || !program->good) {
        *why = program ? program->why : "more link types than one question is compiled for";
        return EG_UNANSWERED;
    }
    struct pcap_pkthdr header = {.caplen = (uint32_t)frame->payload.size,
                                 .len = frame->length > UINT32_MAX ? UINT32_MAX
                                                                   : (uint32_t)frame->length};
    return pcap_offline_filter(&program->code, &header, frame->payload.at) ? EG_TRUE : EG_UNTRUE;
}

/* Ethernet's answer, and where that is no, whether another link type's is yes: what asks for 802.11
 * frames means nothing on Ethernet. A name that cannot be found will not be found again. */
static enum eg_status check(struct eg_bpf *bpf, struct eg_error *err) {
    const struct program *ethernet = add(bpf, EG_LINK_ETHERNET);
    if (!ethernet) return eg_fail(err, EG_E_NOMEM, "no memory for a bpf filter");
    if (ethernet->good) return EG_OK;
    bool name = strncmp(ethernet->why, "unknown ", 8) == 0;
    for (int32_t link = 0; link < LINKS_KNOWN && !name; link++) {
        struct program other = {.link_type = link};
        compile(&other, bpf->text);
        if (!other.good) continue;
        pcap_freecode(&other.code);
        return EG_OK;
    }
    return eg_fail(err, EG_E_USAGE, "bpf filter '%.200s': %s", bpf->text, ethernet->why);
}

enum eg_status eg_bpf_parse(struct eg_bpf **out, const char *text, struct eg_error *err) {
    if (strlen(text) > TEXT_MAX)
        return eg_fail(
            err, EG_E_USAGE,
            "a bpf filter has at most %d characters, not %zu: the flow filter takes lists",
            TEXT_MAX, strlen(text));
    struct eg_bpf *bpf = eg_calloc(1, sizeof *bpf);
    if (!bpf) return eg_fail(err, EG_E_NOMEM, "no memory for a bpf filter");
    pthread_mutex_init(&bpf->lock, NULL);
    bpf->text = eg_strdup(text);
    enum eg_status status =
        bpf->text ? check(bpf, err) : eg_fail(err, EG_E_NOMEM, "no memory for a bpf filter");
    if (status == EG_OK)
        *out = bpf;
    else
        eg_bpf_free(bpf);
    return status;
}

void eg_bpf_free(struct eg_bpf *bpf) {
    if (!bpf) return;
    unsigned count = atomic_load_explicit(&bpf->count, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        if (bpf->programs[i]->good) pcap_freecode(&bpf->programs[i]->code);
        eg_free(bpf->programs[i]);
    }
    pthread_mutex_destroy(&bpf->lock);
    eg_free(bpf->text);
    eg_free(bpf);
}
