/* One sample as plain data, and the interface through which samples arrive. */
#ifndef HEAPTOP_SNAPSHOT_H
#define HEAPTOP_SNAPSHOT_H

#include "heaptop/snapshot/catalog.h"
#include "heaptop/snapshot/counter.h"
#include "heaptop/snapshot/snapshot.h"
#include "heaptop/snapshot/source.h"

#endif
