/* This process as others see it: its title in ps, its environment in /proc. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H
#include <stdbool.h>
#include <sys/types.h>

/* First thing in main(): remembers where argv lies, and puts /dev/null where a standard descriptor is closed.
 */
void process_init(int argc, char **argv);
/* Overwrites argv's memory by the text (cut to what fits). */
void process_title(const char *text);
/* Overwrites the strings of the environment: /proc/PID/environ is blank afterwards. What the way to an engine
 * needs (ssh, proxies, podman and its storage, private folders) is kept, in memory of our own that nobody
 * else can look at: a proxy's address may hold a password. */
void process_forget_environment(void);
/* Gives back the pages of program and libraries that this process only read: they come back from the page
 * cache when they are needed again. For a process about to wait for long: what it read once stays counted as
 * its own memory. */
void process_drop_code(void);
/* Asks for the pages of heap and stack that are about to be written, in one call instead of by a fault each.
 * After a fork: before it the child would be given copies. */
void process_expect_memory(void);
/* Stopped by a signal, or by a debugger; false also where /proc does not tell. */
bool process_stands_still(pid_t pid);
/* In a child, before exec: TERM comes when this process's parent ends. */
void process_end_with_parent(void);
#endif
