/* Whether a sanitizer is at work: it brings an allocator of its own, makes frames larger, and takes several times as
 * long. */
#ifndef HEAPTOP_TESTS_UNIT_SANITIZED_H
#define HEAPTOP_TESTS_UNIT_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#endif
