/* What every room stands on. */
#ifndef HEAPTOP_BASE_H
#define HEAPTOP_BASE_H

#include "heaptop/base/arena.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/error.h"
#include "heaptop/base/moment.h"
#include "heaptop/base/order.h"
#include "heaptop/base/table.h"
#include "heaptop/base/text.h"
#include "heaptop/base/units.h"
#include "heaptop/base/vector.h"

#endif
