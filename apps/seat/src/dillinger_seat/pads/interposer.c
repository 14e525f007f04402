/*
 * Gives a program in a cell the gamepads that its seat has plugged in, on a machine without uinput (LD_PRELOAD).
 *
 * The cell's /dev/input is a read-only folder of the session, kept by the seat (`interposed.py`): a unix socket for each
 * event* and js*, and beside them .padN, which holds all that a driver would answer. So listing, watching (inotify), reading,
 * polling and closing work by themselves, dup and exec too; what is left to do here is:
 *   open   of such a socket connects to it: events come out of it as the kernel's own structs
 *   ioctl  of such a descriptor is answered out of .padN
 *   stat   says that it is a character device, which programs tell devices apart by
 *   read   says at the end that the device is gone
 * A descriptor is known by the socket's name, so nothing is kept here. To the seat goes only what a program writes to
 * the device, and struct record, of the same size. Both are shorter in a 32-bit program: built for one, this library gives its
 * end of each connection a name (any), by which the seat knows.
 *
 * Numbers and structs are those of linux/input.h and linux/joystick.h.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/joystick.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define IS_32_BIT (__SIZEOF_POINTER__ == 4)
_Static_assert(sizeof(struct input_event) == (IS_32_BIT ? 16 : 24), "as layout.py has it");

#define PUBLIC __attribute__((visibility("default")))
#define FOLDER "/dev/input/"
#define MOST_PADS 4
#define INPUT_MAJOR 13
#define EVENT_MINOR 64
#define MOST_EFFECTS 16
#define JS_BUTTONS (KEY_MAX - BTN_MISC + 1)

/* .padN, as `layout.py` packs it. */
struct description {
    char magic[8];
    struct input_id id;
    char name[80];
    uint8_t events[8];
    uint8_t keys[96];
    uint8_t axes[8];
    uint8_t effects[16];
    uint8_t down[96];
    struct input_absinfo values[ABS_CNT];
    uint8_t js_axis_map[ABS_CNT];
    uint16_t js_button_map[JS_BUTTONS];
    uint8_t js_axes;
    uint8_t js_buttons;
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct description) == 2948, "as layout.py has it");
static const char MAGIC[8] = "DLPAD\0\0\1";

/* To the seat, in the place of a struct input_event; `type` is one that the kernel does not have. */
struct record {
    uint16_t length_ms, delay_ms;
    uint16_t strong, weak;
    char unused[IS_32_BIT ? 0 : 8];
    uint16_t type, code;
    int32_t value;
};
_Static_assert(sizeof(struct record) == sizeof(struct input_event), "one size for all that goes to the seat");
enum { EFFECT = 0x8001, FORGET = 0x8002, CLOCK = 0x8003 };

struct device {
    int number;
    int is_joydev;
};

/* The function of this name that would have been called without this library. */
#define NEXT(name) ({ \
    static __typeof__(&name) next; \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    next; \
})

/* event2, js0 and the like; also with the dot that the name had when the socket was made. */
static int is_device_name(const char *name, struct device *device) {
    if (*name == '.') name++;
    if (!strncmp(name, "event", 5)) {
        device->is_joydev = 0;
        name += 5;
    } else if (!strncmp(name, "js", 2)) {
        device->is_joydev = 1;
        name += 2;
    } else {
        return 0;
    }
    if (name[0] < '0' || name[0] >= '0' + MOST_PADS || name[1]) return 0;
    device->number = name[0] - '0';
    return 1;
}

static int is_device_path(const char *path, struct device *device) {
    return path && !strncmp(path, FOLDER, sizeof FOLDER - 1) && is_device_name(path + sizeof FOLDER - 1, device);
}

static int is_device_fd(int fd, struct device *device) {
    struct sockaddr_un peer = {0};
    socklen_t length = sizeof peer - 1;
    int before = errno, is_one = 0;
    if (!getpeername(fd, (struct sockaddr *)&peer, &length) && peer.sun_family == AF_UNIX) {
        const char *name = strrchr(peer.sun_path, '/');
        is_one = name && name - peer.sun_path >= 5 && !strncmp(name - 5, "/pads", 5) && is_device_name(name + 1, device);
    }
    errno = before;
    return is_one;
}

/* open */

static int open_device(const char *path, int flags) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int kind = SOCK_STREAM | (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0);
    int fd = socket(AF_UNIX, kind, 0);
    if (fd < 0) return -1;
    if (IS_32_BIT) bind(fd, (struct sockaddr *)&name, sizeof name.sun_family); /* the kernel makes one up */
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) || fcntl(fd, F_SETFL, flags & O_NONBLOCK) < 0) {
        int reason = errno == ENOENT ? ENOENT : ENODEV;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

#define WITH_MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    PUBLIC int name(const char *path, int flags, ...) { \
        struct device device; \
        WITH_MODE(flags, mode) \
        return is_device_path(path, &device) ? open_device(path, flags) : NEXT(name)(path, flags, mode); \
    }
#define OPENAT(name) \
    PUBLIC int name(int folder, const char *path, int flags, ...) { \
        struct device device; \
        WITH_MODE(flags, mode) \
        return is_device_path(path, &device) ? open_device(path, flags) : NEXT(name)(folder, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What those become in programs that were built with _FORTIFY_SOURCE. */
int __open_2(const char *, int), __open64_2(const char *, int);
int __openat_2(int, const char *, int), __openat64_2(int, const char *, int);
#define OPEN_2(name) \
    PUBLIC int name(const char *path, int flags) { \
        struct device device; \
        return is_device_path(path, &device) ? open_device(path, flags) : NEXT(name)(path, flags); \
    }
#define OPENAT_2(name) \
    PUBLIC int name(int folder, const char *path, int flags) { \
        struct device device; \
        return is_device_path(path, &device) ? open_device(path, flags) : NEXT(name)(folder, path, flags); \
    }
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)

/* read */

PUBLIC ssize_t read(int fd, void *buffer, size_t bytes) {
    struct device device;
    ssize_t got = NEXT(read)(fd, buffer, bytes);
    if (got || !bytes || !is_device_fd(fd, &device)) return got;
    errno = ENODEV; /* a socket ends with 0, a device that was unplugged so */
    return -1;
}

ssize_t __read_chk(int, void *, size_t, size_t);
PUBLIC ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room) {
    return bytes <= room ? read(fd, buffer, bytes) : NEXT(__read_chk)(fd, buffer, bytes, room);
}

/* ioctl */

static int is_described(int number, struct description *description) {
    char path[sizeof FOLDER + 8];
    int before = errno, is_one = 0, fd;
    snprintf(path, sizeof path, FOLDER ".pad%d", number);
    if ((fd = NEXT(open)(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        is_one = pread(fd, description, sizeof *description, 0) == sizeof *description &&
                 !memcmp(description->magic, MAGIC, sizeof MAGIC);
        close(fd);
    }
    errno = before;
    return is_one;
}

static int refused(int reason) {
    errno = reason;
    return -1;
}

/* As much of `from` as the caller has room for; the kernel returns how much that was. */
static int give(void *argument, unsigned room, const void *from, unsigned bytes) {
    if (bytes > room) bytes = room;
    memcpy(argument, from, bytes);
    return (int)bytes;
}

static int give_zeros(void *argument, unsigned room, unsigned bytes) {
    if (bytes > room) bytes = room;
    memset(argument, 0, bytes);
    return (int)bytes;
}

static int give_bits(unsigned kind, const struct description *pad, void *argument, unsigned room) {
    switch (kind) {
    case 0: return give(argument, room, pad->events, sizeof pad->events);
    case EV_KEY: return give(argument, room, pad->keys, sizeof pad->keys);
    case EV_ABS: return give(argument, room, pad->axes, sizeof pad->axes);
    case EV_FF: return give(argument, room, pad->effects, sizeof pad->effects);
    case EV_REL: case EV_MSC: case EV_LED: case EV_SND: case EV_SW: return give_zeros(argument, room, sizeof(long));
    default: return refused(EINVAL);
    }
}

static int tell(int fd, const struct record *record) {
    return send(fd, record, sizeof *record, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof *record ? 0 : refused(ENODEV);
}

/* A weak and a strong motor are all that there is: periodic effects become what such a pad makes of them. */
static int upload(int fd, struct ff_effect *effect) {
    static atomic_uint uploads;
    struct record record = {.type = EFFECT, .length_ms = effect->replay.length, .delay_ms = effect->replay.delay};
    if (effect->type == FF_RUMBLE) {
        record.strong = effect->u.rumble.strong_magnitude;
        record.weak = effect->u.rumble.weak_magnitude;
    } else if (effect->type == FF_PERIODIC) {
        int magnitude = effect->u.periodic.magnitude;
        record.strong = record.weak = (uint16_t)((magnitude < 0 ? -magnitude : magnitude) * 2 - (magnitude ? 1 : 0));
    } else {
        return refused(EINVAL);
    }
    int16_t id = effect->id;
    if (id < -1 || id >= MOST_EFFECTS) return refused(EINVAL);
    if (id == -1) id = (int16_t)(atomic_fetch_add(&uploads, 1) % MOST_EFFECTS);
    record.code = (uint16_t)id;
    if (tell(fd, &record)) return -1;
    effect->id = id;
    return 0;
}

static int ioctl_evdev(int fd, unsigned long request, void *argument, const struct description *pad) {
    unsigned number = _IOC_NR(request), room = _IOC_SIZE(request);
    if (request == EVIOCSFF) return upload(fd, argument);
    if (request == EVIOCRMFF) return tell(fd, &(struct record){.type = FORGET, .code = (uint16_t)(uintptr_t)argument});
    if (request == EVIOCSCLOCKID) return tell(fd, &(struct record){.type = CLOCK, .value = *(int *)argument});
    if (request == EVIOCGRAB || request == EVIOCREVOKE) return 0;
    if (_IOC_DIR(request) != _IOC_READ) return refused(EINVAL);
    if (number >= 0x20 && number < 0x20 + EV_CNT) return give_bits(number - 0x20, pad, argument, room);
    if (number >= 0x40 && number < 0x40 + ABS_CNT) {
        unsigned axis = number - 0x40;
        if (!(pad->axes[axis / 8] >> axis % 8 & 1)) return refused(EINVAL);
        give(argument, room, &pad->values[axis], sizeof pad->values[axis]);
        return 0;
    }
    switch (number) {
    case _IOC_NR(EVIOCGVERSION): *(int *)argument = EV_VERSION; return 0;
    case _IOC_NR(EVIOCGID): *(struct input_id *)argument = pad->id; return 0;
    case _IOC_NR(EVIOCGEFFECTS): *(int *)argument = MOST_EFFECTS; return 0;
    case _IOC_NR(EVIOCGNAME(0)): return give(argument, room, pad->name, (unsigned)strnlen(pad->name, sizeof pad->name - 1) + 1);
    case _IOC_NR(EVIOCGKEY(0)): return give(argument, room, pad->down, sizeof pad->down);
    case _IOC_NR(EVIOCGPROP(0)): case _IOC_NR(EVIOCGLED(0)): case _IOC_NR(EVIOCGSND(0)): case _IOC_NR(EVIOCGSW(0)):
        return give_zeros(argument, room, sizeof(long));
    case _IOC_NR(EVIOCGPHYS(0)): case _IOC_NR(EVIOCGUNIQ(0)): return refused(ENOENT);
    default: return refused(EINVAL);
    }
}

static int ioctl_joydev(unsigned long request, void *argument, const struct description *pad) {
    unsigned room = _IOC_SIZE(request);
    switch (_IOC_NR(request)) {
    case _IOC_NR(JSIOCGVERSION): *(uint32_t *)argument = JS_VERSION; return 0;
    case _IOC_NR(JSIOCGAXES): *(uint8_t *)argument = pad->js_axes; return 0;
    case _IOC_NR(JSIOCGBUTTONS): *(uint8_t *)argument = pad->js_buttons; return 0;
    case _IOC_NR(JSIOCGNAME(0)): return give(argument, room, pad->name, (unsigned)strnlen(pad->name, sizeof pad->name - 1) + 1);
    case _IOC_NR(JSIOCGAXMAP): give(argument, room, pad->js_axis_map, sizeof pad->js_axis_map); return 0;
    case _IOC_NR(JSIOCGBTNMAP): give(argument, room, pad->js_button_map, sizeof pad->js_button_map); return 0;
    case _IOC_NR(JSIOCGCORR): memset(argument, 0, sizeof(struct js_corr) * pad->js_axes); return 0;
    case _IOC_NR(JSIOCSCORR): return 0; /* axes come corrected */
    default: return refused(EINVAL);
    }
}

#define IOCTL(name) \
    PUBLIC int name(int fd, unsigned long request, ...) { \
        struct device device; \
        struct description pad; \
        va_list rest; \
        va_start(rest, request); \
        void *argument = va_arg(rest, void *); \
        va_end(rest); \
        if ((_IOC_TYPE(request) != 'E' && _IOC_TYPE(request) != 'j') || !is_device_fd(fd, &device)) { \
            return NEXT(name)(fd, request, argument); \
        } \
        if (!is_described(device.number, &pad)) return refused(ENODEV); \
        if (device.is_joydev != (_IOC_TYPE(request) == 'j')) return refused(EINVAL); \
        return device.is_joydev ? ioctl_joydev(request, argument, &pad) : ioctl_evdev(fd, request, argument, &pad); \
    }
IOCTL(ioctl)
#if IS_32_BIT
int __ioctl_time64(int, unsigned long, ...);
IOCTL(__ioctl_time64) /* what it is in programs whose clock goes past 2038 */
#endif

/* stat */

#define DRESSED(result, is_device, device, file) \
    int known = (result); \
    if (known == 0 && (is_device) && S_ISSOCK((file)->st_mode)) { \
        (file)->st_mode = S_IFCHR | 0660; \
        (file)->st_rdev = makedev(INPUT_MAJOR, (device).number + ((device).is_joydev ? 0 : EVENT_MINOR)); \
    } \
    return known;
#define BY_PATH(name, parameters, arguments) \
    PUBLIC int name parameters { \
        struct device device; \
        DRESSED(NEXT(name) arguments, is_device_path(path, &device), device, file) \
    }
#define BY_FD(name, parameters, arguments) \
    PUBLIC int name parameters { \
        struct device device; \
        int result = NEXT(name) arguments; \
        int is_device = !result && S_ISSOCK(file->st_mode) && is_device_fd(fd, &device); \
        DRESSED(result, is_device, device, file) \
    }
#define STAT(name, type) BY_PATH(name, (const char *path, type *file), (path, file))
#define FSTAT(name, type) BY_FD(name, (int fd, type *file), (fd, file))
#define FSTATAT(name, type) BY_PATH(name, (int folder, const char *path, type *file, int flags), (folder, path, file, flags))
STAT(stat, struct stat) STAT(stat64, struct stat64)
STAT(lstat, struct stat) STAT(lstat64, struct stat64)
FSTAT(fstat, struct stat) FSTAT(fstat64, struct stat64)
FSTATAT(fstatat, struct stat) FSTATAT(fstatat64, struct stat64)

/* What programs that were built before glibc 2.33 call instead. */
int __xstat(int, const char *, struct stat *), __xstat64(int, const char *, struct stat64 *);
int __lxstat(int, const char *, struct stat *), __lxstat64(int, const char *, struct stat64 *);
int __fxstat(int, int, struct stat *), __fxstat64(int, int, struct stat64 *);
#define XSTAT(name, type) BY_PATH(name, (int version, const char *path, type *file), (version, path, file))
#define FXSTAT(name, type) BY_FD(name, (int version, int fd, type *file), (version, fd, file))
XSTAT(__xstat, struct stat) XSTAT(__xstat64, struct stat64)
XSTAT(__lxstat, struct stat) XSTAT(__lxstat64, struct stat64)
FXSTAT(__fxstat, struct stat)
FXSTAT(__fxstat64, struct stat64)

#if IS_32_BIT
/* What 32-bit programs call whose clock goes past 2038. The struct goes on, with what is of no concern here. */
struct stat_time64 {
    uint64_t st_dev, st_ino;
    uint32_t st_mode, st_nlink, st_uid, st_gid;
    uint64_t st_rdev;
};
int __stat64_time64(const char *, struct stat_time64 *), __lstat64_time64(const char *, struct stat_time64 *);
int __fstat64_time64(int, struct stat_time64 *), __fstatat64_time64(int, const char *, struct stat_time64 *, int);
STAT(__stat64_time64, struct stat_time64)
STAT(__lstat64_time64, struct stat_time64)
FSTAT(__fstat64_time64, struct stat_time64)
FSTATAT(__fstatat64_time64, struct stat_time64)
#endif

PUBLIC int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict file) {
    struct device device;
    int result = NEXT(statx)(folder, path, flags, mask, file);
    if (result == 0 && is_device_path(path, &device) && S_ISSOCK(file->stx_mode)) {
        file->stx_mode = S_IFCHR | 0660;
        file->stx_rdev_major = INPUT_MAJOR;
        file->stx_rdev_minor = (unsigned)device.number + (device.is_joydev ? 0 : EVENT_MINOR);
    }
    return result;
}
