/*
 * A native test guest that plays with the first gamepad by evdev and joydev, as old 32-bit games do: prints what it sees, as
 * `pads.py kernel` does, and lets it rumble. Built by a test, for 32-bit programs, with clocks of either size.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/joystick.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char *PATH = "/dev/input/event0";

static int is_down(int fd, int key) {
    unsigned char keys[KEY_CNT / 8] = {0};
    return ioctl(fd, EVIOCGKEY(sizeof keys), keys) > 0 && keys[key / 8] >> key % 8 & 1;
}

static void introduce(int fd, int joystick) {
    struct stat by_path, by_fd;
    struct input_id id;
    char name[256] = "", axes = 0, buttons = 0;
    stat(PATH, &by_path);
    fstat(fd, &by_fd);
    printf("node %o %u:%u %o\n", by_path.st_mode, major(by_path.st_rdev), minor(by_path.st_rdev), by_fd.st_mode);
    ioctl(fd, EVIOCGID, &id);
    ioctl(fd, EVIOCGNAME(sizeof name), name);
    printf("device %04x:%04x %s\n", id.vendor, id.product, name);
    ioctl(joystick, JSIOCGAXES, &axes);
    ioctl(joystick, JSIOCGBUTTONS, &buttons);
    printf("joystick [%d, %d]\n", axes, buttons);
}

static int show_events(int fd, int effect) {
    struct input_event events[64];
    ssize_t got = read(fd, events, sizeof events);
    if (got < 0) return printf("gone %d\n", errno), 0;
    for (int at = 0; at < (int)(got / sizeof *events); at++) {
        struct input_event event = events[at];
        printf("event %d %d %d\n", event.type, event.code, event.value);
        if (event.type != EV_KEY || event.code != BTN_SOUTH || event.value != 1) continue;
        struct input_absinfo x;
        ioctl(fd, EVIOCGABS(ABS_X), &x);
        printf("down %d, x (%d, %d, %d)\n", is_down(fd, BTN_SOUTH), x.value, x.minimum, x.maximum);
        struct input_event play = {.type = EV_FF, .code = (unsigned short)effect, .value = 1};
        if (write(fd, &play, sizeof play) != sizeof play) printf("no rumble %d\n", errno);
    }
    return 1;
}

static void show_moves(int joystick) {
    struct js_event move;
    if (read(joystick, &move, sizeof move) == sizeof move) printf("js %d %d %d\n", move.type, move.number, move.value);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready %d %d\n", (int)sizeof(void *) * 8, (int)sizeof(struct input_event));
    while (access(PATH, F_OK)) usleep(20000);
    int fd = open(PATH, O_RDWR), joystick = open("/dev/input/js0", O_RDONLY);
    struct ff_effect effect = {.type = FF_RUMBLE, .id = -1, .replay = {.length = 400}};
    effect.u.rumble.strong_magnitude = 0x4000;
    effect.u.rumble.weak_magnitude = 0xC000;
    if (ioctl(fd, EVIOCSFF, &effect)) printf("no effect %d\n", errno);
    introduce(fd, joystick);
    struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = joystick, .events = POLLIN}};
    while (poll(both, 2, -1) > 0) {
        if (both[1].revents & POLLIN) show_moves(joystick);
        if (both[0].revents && !show_events(fd, effect.id)) return 0;
    }
    return 1;
}
