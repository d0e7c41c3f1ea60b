/* Waits until nothing executes the file at descriptor 3 any more, and overwrites it. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    struct timespec pause = {0, 1000000};
    int told = open("/told", O_CREAT | O_WRONLY, 0600);
    for (int i = 0; i < 5000; i++) {
        int file = open("/proc/self/fd/3", O_WRONLY);
        if (file >= 0) {
            const char *word = write(file, "overwritten", 11) == 11 ? "written" : "refused";
            return write(told, word, 7) != 7;
        }
        nanosleep(&pause, 0);
    }
    return write(told, "waiting", 7) != 7;
}
