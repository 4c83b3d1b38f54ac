/* The counters that a HotSpot JVM keeps in memory for jstat and others to read (JDK 6 to 25;
 * src/hotspot/share/runtime/perfMemory.hpp PerfDataPrologue, perfData.hpp PerfDataEntry, version 2.0; names:
 * src/hotspot/share/gc/shared and services). Unlike most of a JVM's inside they are an interface, which has stayed the
 * same for twenty years. */
#ifndef ATTACH_JVM_HSPERFDATA_H
#define ATTACH_JVM_HSPERFDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

#define HSPERFDATA_TEXT 128

/* X(ID, name): those that are read, by rising name. */
#define HSPERFDATA_VALUES(X) \
    X(LOADED_CLASSES, "java.cls.loadedClasses") \
    X(SHARED_LOADED_CLASSES, "java.cls.sharedLoadedClasses") \
    X(SHARED_UNLOADED_CLASSES, "java.cls.sharedUnloadedClasses") \
    X(UNLOADED_CLASSES, "java.cls.unloadedClasses") \
    X(THREADS_LIVE, "java.threads.live") \
    X(YOUNG_GCS, "sun.gc.collector.0.invocations") \
    X(YOUNG_GC_TICKS, "sun.gc.collector.0.time") \
    X(FULL_GCS, "sun.gc.collector.1.invocations") \
    X(FULL_GC_TICKS, "sun.gc.collector.1.time") \
    X(CONCURRENT_GCS, "sun.gc.collector.2.invocations") \
    X(CONCURRENT_GC_TICKS, "sun.gc.collector.2.time") \
    X(YOUNG_CAPACITY, "sun.gc.generation.0.capacity") \
    X(YOUNG_MAX, "sun.gc.generation.0.maxCapacity") \
    X(EDEN_USED, "sun.gc.generation.0.space.0.used") \
    X(SURVIVOR_0_USED, "sun.gc.generation.0.space.1.used") \
    X(SURVIVOR_1_USED, "sun.gc.generation.0.space.2.used") \
    X(OLD_CAPACITY, "sun.gc.generation.1.capacity") \
    X(OLD_MAX, "sun.gc.generation.1.maxCapacity") \
    X(OLD_USED, "sun.gc.generation.1.space.0.used") \
    X(METASPACE_CAPACITY, "sun.gc.metaspace.capacity") \
    X(METASPACE_USED, "sun.gc.metaspace.used") \
    X(TICKS_PER_S, "sun.os.hrt.frequency") \
    X(SAFEPOINT_TICKS, "sun.rt.safepointTime") \
    X(SAFEPOINTS, "sun.rt.safepoints")

enum hsperfdata_value {
#define X(id, name) HSPERFDATA_##id,
    HSPERFDATA_VALUES(X)
#undef X
    HSPERFDATA_VALUE_COUNT
};

struct hsperfdata {
    bool is_known[HSPERFDATA_VALUE_COUNT];
    int64_t values[HSPERFDATA_VALUE_COUNT];
    /* As they stand there, any bytes but NUL; "" where there is none: "17.0.15+6-Debian-1deb12u1", "GarbageFirst" (not
     * all collectors have one). */
    char version[HSPERFDATA_TEXT], policy[HSPERFDATA_TEXT];
};

/* Takes the counters out of those bytes, which nobody vouches for. ERROR_BAD_DATA: it is none of that, or of another
 * format; ERROR_UNSUPPORTED: of a machine of the other byte order; ERROR_NOT_FOUND: the JVM has not finished making
 * them. */
struct error *hsperfdata_parse(const void *bytes, size_t size, struct hsperfdata *ret_data);

#endif
