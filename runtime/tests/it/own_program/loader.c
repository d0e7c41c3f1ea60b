/* Stands where the container's dynamic loader is looked for, and runs in place of the program that is executed. It has no
   C library: the kernel tells it of the other program's tables. */
static long call(long n, long a, long b, long c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
void _start(void) {
    /* openat(AT_FDCWD, "/proc/self/exe", O_PATH): the number 3. The descriptor outlives the program. */
    if (call(2, (long)"/proc/self/exe", 010000000, 0) != 3) call(60, 2, 0, 0);
    if (call(57, 0, 0, 0) != 0) call(60, 0, 0, 0);
    call(112, 0, 0, 0);
    char *args[] = {"writer", 0};
    call(59, (long)"/bin/writer", (long)args, 0);
    call(60, 3, 0, 0);
}
