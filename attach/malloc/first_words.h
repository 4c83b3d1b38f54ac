/* The first words of live chunks, counted where they point into a file's data: there a C++ object has the address of
 * its class's table of functions. Which of them are such tables, object_types.h tells. */
#ifndef ATTACH_MALLOC_FIRST_WORDS_H
#define ATTACH_MALLOC_FIRST_WORDS_H

#include "attach/maps.h"
#include "heaptop/base/table.h"

/* Different words that are counted; a program with more has pointers of some other kind in front of its objects. */
#define FIRST_WORDS_MAX 16384u
/* The address space in pieces of 64 KiB, by 16 bits of an address: whether a file may lie there, told in one load. */
#define FIRST_WORDS_PIECES 65536u

struct first_word {
    uint64_t word;
    uint64_t objects, bytes;                /* Of chunks that begin with it. */
    uint64_t arena_objects, arena_bytes;    /* The same of the arena that is being walked. */
};

struct file_span {
    uint64_t start, end;
};

/* Zeroed, it counts nothing. */
struct first_words {
    VECTOR(struct file_span) spans;         /* Memory of files that may be read, by address, neighbours joined. */
    VECTOR(struct first_word) words;
    struct table index;                     /* Word -> index in words. */
    size_t last;                            /* Index of the word that was added last. */
    bool is_cut, failed;                    /* Words were left out; memory was out. */
    uint64_t pieces[FIRST_WORDS_PIECES / 64];
};

/* ERROR_NO_MEMORY; to be deinitialised in any case. */
struct error *first_words_init(struct first_words *words, const struct maps *maps);
void first_words_deinit(struct first_words *words);

/* The span that an address lies in, or NULL. */
const struct file_span *first_words_span(const struct first_words *words, uint64_t address);
/* For first_words_add: counts one of which the cheap test says that it may be. */
void first_words_count(struct first_words *words, uint64_t word, uint64_t bytes);

/* A live chunk of so many bytes begins with this word. Called for every one of them. */
static inline void first_words_add(struct first_words *words, uint64_t word, uint64_t bytes)
{
    uint64_t piece = word >> 16 & (FIRST_WORDS_PIECES - 1);
    if (words->pieces[piece / 64] >> (piece % 64) & 1 && word % 8 == 0)
        first_words_count(words, word, bytes);
}

/* An arena is walked, perhaps anew: what was counted since the last one that was kept is forgotten. */
void first_words_begin_arena(struct first_words *words);
/* It was whole: what was counted in it counts. */
void first_words_keep_arena(struct first_words *words);

#endif
