/* Names of users. */
#ifndef HEAPTOP_ATTACH_USER_NAME_H
#define HEAPTOP_ATTACH_USER_NAME_H

#include <stdbool.h>
#include <sys/types.h>

#define USER_NAME_BUFFER 4096

/* The login name of a user, untrusted text within `buffer`; NULL when nobody knows one. The static program asks
 * /etc/passwd only: what else the name service may want would have to be loaded. */
const char *user_name_find(uid_t uid, char buffer[USER_NAME_BUFFER]);

#endif
