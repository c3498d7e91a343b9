/* Names of users, groups and hosts. libc looks them up by plug-ins (nsswitch.conf(5)): files, DNS, LDAP,
 * whatever the machine has.
 *
 * The release build holds libc itself (-DRUN_ONCE_STATIC), and plug-ins are made for the very libc of the
 * machine: it loads none. It looks users and groups up in /etc/passwd and /etc/group and, where they are not
 * there, asks getent(1), which is the machine's own; hosts in /etc/hosts and by DNS (resolv.conf(5)), as
 * docker and kubectl do, which are static programs, too.
 *
 * Blocks, as getpwuid(3) does. */
#ifndef BASE_NAME_SERVICE_H
#define BASE_NAME_SERVICE_H
#include <sys/types.h>

/* Before the first name is looked up, by this program or by a library. */
void name_service_init(void);
/* Owned by the caller; NULL: the user database knows nobody of that id (or, for the home, no absolute one).
 */
char *user_name(uid_t uid);
char *user_home(uid_t uid);
char *group_name(gid_t gid);
#endif
