/* What LeakSanitizer asks of a program that is linked with it. */
#include <sanitizer/lsan_interface.h>
#include <sys/auxv.h>

/* It looks by ptrace(2), which the kernel refuses for a program with its group's rights. */
int __lsan_is_turned_off(void)
{
    return getauxval(AT_SECURE) != 0;
}

/* The configuration of a command lives until its end (lib/config/config.h). */
const char *__lsan_default_suppressions(void)
{
    return "leak:config_load\n";
}
