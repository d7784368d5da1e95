/*
 * Stands between a program and the system, by LD_PRELOAD, for tests of what a database survives. 64-bit Linux.
 *
 * It does up to three things, each if its variable is set:
 *
 * SHIM_FILE  names a database. The shim looks after that file, the same name with -wal and with -journal, and their folder.
 *            (-shm is written by mmap and is nothing after a loss of power; it is left alone.)
 * SHIM_LOG   names a file to which everything is written that happens to those files, in the order in which it happens,
 *            with what is written to SHIM_FILE-acks: so it is known what had been acknowledged at which moment. Syncs are
 *            written down and not done, so that a run is as fast as memory.
 * SHIM_RULES names a file of `struct rules`, mapped into memory, which says what fails and what the time is. It can be
 *            written to at any time.
 *
 * One lock is around each call and its record, so the order of the records is the order of the calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The names looked after. */
enum { NONE, DATABASE, WAL, JOURNAL, ACKS, FOLDER, NAMES };

/* What fails: calls on the files of `on` (bits by name), after `skip` calls, for `count` calls or for ever if negative. */
struct rule {
    int32_t error;
    int32_t on;
    int32_t skip;
    int32_t count;
};

/* As tests/power/shim.rs writes it. */
struct rules {
    int64_t wall_offset; /* seconds by which the wall clock is wrong */
    struct rule write;   /* writes and truncations */
    struct rule sync;
    struct rule open;    /* opening for writing */
    int32_t half;        /* the first write that fails is half done before */
    int32_t failed;      /* how many calls failed, written by the shim */
};

struct record {
    uint32_t kind; /* C reate, U nlink, W rite, T runcate, S ync, F ailed sync, D irectory sync, A cknowledged, X not understood */
    uint32_t inode;
    uint64_t at; /* offset, new length, or name */
    uint64_t length;
};

enum { MOST_FILES = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char file[4096], folder[4096];
static int log_fd = -1;
static volatile struct rules *rules;
static unsigned char name_of[MOST_FILES];
static uint32_t inode_of[MOST_FILES];
static uint32_t inode_named[NAMES], inodes;
/* Linux tells of a failed sync on each descriptor that was open then, once. By name, since a file and its name live together. */
static uint32_t failures[NAMES], told[MOST_FILES];

static void put(uint32_t kind, uint32_t inode, uint64_t at, const void *data, size_t length) {
    if (log_fd < 0)
        return;
    struct record head = {kind, inode, at, length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
    if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof head + length))
        abort();
}

static int call_open(const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *named = getenv("SHIM_FILE"), *log = getenv("SHIM_LOG"), *ruled = getenv("SHIM_RULES");
    if (named && strlen(named) < sizeof file - 16) {
        strcpy(file, named);
        strcpy(folder, named);
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = 0;
    }
    if (log)
        log_fd = call_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (ruled) {
        int fd = call_open(ruled, O_RDWR | O_CLOEXEC, 0);
        void *mapped = fd < 0 ? MAP_FAILED : mmap(0, sizeof *rules, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED)
            abort();
        rules = mapped;
        close(fd);
    }
}

static int named(const char *path) {
    size_t length = strlen(file);
    if (!length || !path)
        return NONE;
    if (!strcmp(path, folder))
        return FOLDER;
    if (strncmp(path, file, length))
        return NONE;
    const char *rest = path + length;
    return !*rest                     ? DATABASE
           : !strcmp(rest, "-wal")     ? WAL
           : !strcmp(rest, "-journal") ? JOURNAL
           : !strcmp(rest, "-acks")    ? ACKS
                                       : NONE;
}

static int of(int fd) {
    return fd >= 0 && fd < MOST_FILES ? name_of[fd] : NONE;
}

static int is_data(int name) {
    return name == DATABASE || name == WAL || name == JOURNAL;
}

/* The error with which this call is to fail, or 0. */
static int error_by(volatile struct rule *rule, int name) {
    if (!rules || name == NONE || !rule->error || !(rule->on & (1 << name)) || !rule->count)
        return 0;
    if (rule->skip > 0) {
        rule->skip--;
        return 0;
    }
    if (rule->count > 0)
        rule->count--;
    rules->failed++;
    return rule->error;
}

static int do_open(const char *path, int flags, mode_t mode) {
    int name = named(path);
    if (name == NONE)
        return call_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int error = (flags & O_ACCMODE) == O_RDONLY ? 0 : error_by(rules ? &rules->open : 0, name);
    if (error) {
        pthread_mutex_unlock(&lock);
        errno = error;
        return -1;
    }
    int made = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    int fd = call_open(path, flags, mode);
    int kept = errno;
    if (fd >= MOST_FILES)
        abort();
    if (fd >= 0) {
        if (is_data(name) && (made || !inode_named[name])) {
            inode_named[name] = ++inodes;
            put('C', inodes, (uint64_t)name, 0, 0);
        }
        if (is_data(name) && !made && (flags & O_TRUNC))
            put('T', inode_named[name], 0, 0, 0);
        name_of[fd] = (unsigned char)name;
        inode_of[fd] = inode_named[name];
        told[fd] = failures[name];
    }
    pthread_mutex_unlock(&lock);
    errno = kept;
    return fd;
}

#define OPENS(function)                                                                                                \
    int function(const char *path, int flags, ...) {                                                                   \
        mode_t mode = 0;                                                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                                           \
            va_list rest;                                                                                              \
            va_start(rest, flags);                                                                                     \
            mode = va_arg(rest, mode_t);                                                                               \
            va_end(rest);                                                                                              \
        }                                                                                                              \
        return do_open(path, flags, mode);                                                                             \
    }

#define OPENS_AT(function)                                                                                             \
    int function(int at, const char *path, int flags, ...) {                                                           \
        mode_t mode = 0;                                                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                                           \
            va_list rest;                                                                                              \
            va_start(rest, flags);                                                                                     \
            mode = va_arg(rest, mode_t);                                                                               \
            va_end(rest);                                                                                              \
        }                                                                                                              \
        return at == AT_FDCWD || path[0] == '/' ? do_open(path, flags, mode)                                           \
                                                : (int)syscall(SYS_openat, at, path, flags, mode);                     \
    }

OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int creat(const char *path, mode_t mode) {
    return do_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd) {
    if (of(fd) == NONE)
        return (int)syscall(SYS_close, fd);
    pthread_mutex_lock(&lock);
    name_of[fd] = NONE;
    int done = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t do_write(int fd, const void *data, size_t length, off_t at, int moves) {
    int name = of(fd);
    if (name == NONE)
        return moves ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
    pthread_mutex_lock(&lock);
    int error = error_by(rules ? &rules->write : 0, name);
    if (error && rules->half && length > 1) {
        /* The next one fails. */
        rules->half = 0;
        rules->write.count += rules->write.count >= 0;
        length /= 2;
        error = 0;
    }
    if (error) {
        pthread_mutex_unlock(&lock);
        errno = error;
        return -1;
    }
    if (moves && name != ACKS)
        at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t done = moves ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
    int kept = errno;
    if (done > 0 && name == ACKS)
        put('A', 0, 0, data, (size_t)done);
    else if (done > 0)
        put('W', inode_of[fd], (uint64_t)at, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

ssize_t write(int fd, const void *data, size_t length) {
    return do_write(fd, data, length, 0, 1);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    return do_write(fd, data, length, at, 0);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) {
    return do_write(fd, data, length, at, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (of(fd) != NONE)
        put('X', 0, 1, 0, 0);
    return syscall(SYS_writev, fd, parts, count);
}

static int do_truncate(int fd, off_t length) {
    int name = of(fd);
    if (name == NONE)
        return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int error = error_by(rules ? &rules->write : 0, name);
    int done = error ? -1 : (int)syscall(SYS_ftruncate, fd, length);
    int kept = error ? error : errno;
    if (!done)
        put('T', inode_of[fd], (uint64_t)length, 0, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int ftruncate(int fd, off_t length) {
    return do_truncate(fd, length);
}

int ftruncate64(int fd, off_t length) {
    return do_truncate(fd, length);
}

static int do_fallocate(int fd) {
    if (of(fd) != NONE)
        put('X', 0, 2, 0, 0);
    return EOPNOTSUPP;
}

int posix_fallocate(int fd, off_t at, off_t length) {
    return of(fd) != NONE ? do_fallocate(fd) : syscall(SYS_fallocate, fd, 0, at, length) ? errno : 0;
}

int posix_fallocate64(int fd, off_t at, off_t length) {
    return posix_fallocate(fd, at, length);
}

static int do_sync(int fd, long call) {
    int name = of(fd);
    if (name == NONE || name == ACKS)
        return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    int error = error_by(rules ? &rules->sync : 0, name);
    int done = error ? -1 : log_fd >= 0 ? 0 : (int)syscall(call, fd);
    int kept = error ? error : errno;
    put(name == FOLDER ? 'D' : done ? 'F' : 'S', inode_of[fd], 0, 0, 0);
    if (error) {
        failures[name]++;
    } else if (told[fd] != failures[name]) {
        done = -1;
        kept = EIO;
    }
    told[fd] = failures[name];
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int fsync(int fd) {
    return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return do_sync(fd, SYS_fdatasync);
}

static int do_unlink(const char *path) {
    int name = named(path);
    if (!is_data(name))
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    int kept = errno;
    if (!done) {
        put('U', inode_named[name], (uint64_t)name, 0, 0);
        inode_named[name] = 0;
    }
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int unlink(const char *path) {
    return do_unlink(path);
}

int remove(const char *path) {
    return do_unlink(path);
}

int truncate(const char *path, off_t length) {
    if (is_data(named(path)))
        put('X', 0, 3, 0, 0);
    return (int)syscall(SYS_truncate, path, length);
}

int rename(const char *from, const char *to) {
    if (is_data(named(from)) || is_data(named(to)))
        put('X', 0, 4, 0, 0);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int64_t offset(void) {
    return rules ? rules->wall_offset : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = (int)syscall(SYS_clock_gettime, clock, time);
    if (!done && clock == CLOCK_REALTIME)
        time->tv_sec += offset();
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
