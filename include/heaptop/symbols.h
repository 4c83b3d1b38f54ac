/* Bytes in, names out. Knows nothing of processes. */
#ifndef HEAPTOP_SYMBOLS_H
#define HEAPTOP_SYMBOLS_H

#include "heaptop/symbols/call_frames.h"
#include "heaptop/symbols/debug_file.h"
#include "heaptop/symbols/demangle.h"
#include "heaptop/symbols/dwarf.h"
#include "heaptop/symbols/image.h"
#include "heaptop/symbols/pclntab.h"
#include "heaptop/symbols/source_lines.h"

#endif
