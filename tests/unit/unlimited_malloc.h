/* Gives malloc and its kin their own names again after "unit/limited_malloc.h". */
#undef malloc
#undef calloc
#undef realloc
#undef strdup
#undef strndup
