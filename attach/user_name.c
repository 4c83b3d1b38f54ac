#include "attach/user_name.h"

#include <pwd.h>
#include <stdio.h>

#ifdef HEAPTOP_STATIC
const char *user_name_find(uid_t uid, char buffer[USER_NAME_BUFFER])
{
    const char *name = NULL;
    struct passwd entry, *found;
    FILE *file = fopen("/etc/passwd", "re");
    while (file && !name && fgetpwent_r(file, &entry, buffer, USER_NAME_BUFFER, &found) == 0)
        name = entry.pw_uid == uid ? entry.pw_name : NULL;
    if (file)
        fclose(file);
    return name;
}
#else
const char *user_name_find(uid_t uid, char buffer[USER_NAME_BUFFER])
{
    struct passwd entry, *found = NULL;
    return getpwuid_r(uid, &entry, buffer, USER_NAME_BUFFER, &found) == 0 && found ? entry.pw_name : NULL;
}
#endif
