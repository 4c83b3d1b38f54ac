/* export/flame.js as a string; the build makes it a C file. */
#ifndef HEAPTOP_EXPORT_FLAME_SCRIPT_H
#define HEAPTOP_EXPORT_FLAME_SCRIPT_H

extern const char flame_script[];

#endif
