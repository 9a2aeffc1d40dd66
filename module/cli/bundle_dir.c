
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a directory of revisions: its pointer, its history, and
 * the lock that lets one hand at a time change them.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bundle.h"


#define SP_DIR_NEXT  ".current.next"


static sp_rc_t sp_dir_append(const char *dir, const char *text, size_t len);


sp_rc_t
sp_dir_path(char *path, const char *dir, const char *name)
{
    if (snprintf(path, SP_DIR_PATH, "%s%s%s", dir, name[0] != '\0' ? "/" : "",
                 name)
        < SP_DIR_PATH)
    {
        return SP_OK;
    }

    sp_cli_error("'%s/%s': the path is too long", dir, name);

    return SP_ERROR;
}


int
sp_rev_valid(sp_str_t name)
{
    size_t  i;
    int     c;

    if (name.len == 0 || name.len > SP_REV_LEN || name.data[0] == '.'
        || name.data[0] == '-'
        || sp_str_eq(name, SP_STR(SP_DIR_CURRENT))
        || sp_str_eq(name, SP_STR(SP_DIR_HISTORY)))
    {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
        {
            return 0;
        }
    }

    return 1;
}


int
sp_dir_lock(const char *dir)
{
    int  fd;

    fd = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        sp_cli_error("cannot open the directory of revisions '%s': %s", dir,
                     strerror(errno));
        return -1;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) != 0) {
        sp_cli_error("'%s' is being changed by another `sallyport policy`",
                     dir);
        (void) close(fd);
        return -1;
    }

    return fd;
}


sp_rc_t
sp_dir_current(const char *dir, char rev[SP_REV_LEN + 1])
{
    char     path[SP_DIR_PATH], to[SP_DIR_PATH];
    ssize_t  len;

    rev[0] = '\0';

    if (sp_dir_path(path, dir, SP_DIR_CURRENT) != SP_OK) {
        return SP_ERROR;
    }

    len = readlink(path, to, sizeof(to) - 1);

    if (len == -1 && errno == ENOENT) {
        return SP_OK;
    }

    if (len == -1) {
        sp_cli_error("'%s' is no symbolic link: %s", path, strerror(errno));
        return SP_ERROR;
    }

    while (len > 1 && to[len - 1] == '/') {
        len--;
    }

    to[len] = '\0';

    if (!sp_rev_valid(sp_cstr(to))) {
        sp_cli_error("'%s' leads to '%s', which is no revision in '%s'", path,
                     to, dir);
        return SP_ERROR;
    }

    memcpy(rev, to, (size_t) len + 1);

    return SP_OK;
}


sp_rc_t
sp_dir_point(const char *dir, int lock, const char *rev)
{
    (void) unlinkat(lock, SP_DIR_NEXT, 0);

    if (symlinkat(rev, lock, SP_DIR_NEXT) != 0
        || renameat(lock, SP_DIR_NEXT, lock, SP_DIR_CURRENT) != 0)
    {
        sp_cli_error("cannot move '%s/" SP_DIR_CURRENT "': %s", dir,
                     strerror(errno));
        (void) unlinkat(lock, SP_DIR_NEXT, 0);
        return SP_ERROR;
    }

    if (fsync(lock) != 0) {
        sp_cli_warn("the pointer is moved, but not known to be on the disk: "
                    "%s", strerror(errno));
    }

    return SP_OK;
}


json_t *
sp_dir_history(const char *dir)
{
    char          path[SP_DIR_PATH], *text, *line, *end;
    size_t        len;
    json_t       *rows, *row;
    unsigned      number;
    struct stat   st;

    if (sp_dir_path(path, dir, SP_DIR_HISTORY) != SP_OK) {
        return NULL;
    }

    rows = json_array();

    if (stat(path, &st) != 0 && errno == ENOENT) {
        return rows;
    }

    text = sp_cli_read_file(path, SP_CLI_FILE_MAX, &len);

    if (text == NULL) {
        json_decref(rows);
        return NULL;
    }

    number = 0;

    for (line = text; *line != '\0'; line = end + 1) {
        number++;
        end = strchr(line, '\n');

        if (end == NULL) {
            sp_cli_warn("'%s' ends in half a line, which does not count",
                        path);
            break;
        }

        *end = '\0';
        row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        if (json_is_object(row)) {
            json_array_append_new(rows, row);

        } else {
            sp_cli_warn("%s:%u is no record and does not count", path, number);
            json_decref(row);
        }
    }

    free(text);

    return rows;
}


void
sp_dir_before(const json_t *history, const char *current,
    char rev[SP_REV_LEN + 1])
{
    size_t         i, n;
    json_t        *row;
    const char    *what, *to, *from;
    const char   **stack;

    n = 0;
    rev[0] = '\0';
    stack = sp_cli_alloc((json_array_size(history) + 1) * sizeof(char *));

    json_array_foreach(history, i, row) {
        what = json_string_value(json_object_get(row, "what"));
        to = json_string_value(json_object_get(row, "to"));

        from = json_string_value(json_object_get(row, "from"));

        if (what == NULL || to == NULL || from == NULL
            || strcmp(what, "stage") == 0)
        {
            continue;
        }

        /* from where a hand had moved it, the last promotion stays */

        if (strcmp(what, "rollback") == 0 && n > 0) {
            n -= n > 1 && strcmp(stack[n - 1], from) == 0 ? 2 : 1;
        }

        stack[n++] = to;
    }

    if (n > 1 && strcmp(stack[n - 1], current) == 0
        && sp_rev_valid(sp_cstr(stack[n - 2])))
    {
        (void) snprintf(rev, SP_REV_LEN + 1, "%s", stack[n - 2]);

    } else if (n > 0 && strcmp(stack[n - 1], current) != 0
               && sp_rev_valid(sp_cstr(stack[n - 1])))
    {
        /* a hand moved the pointer: what was promoted last is before it */

        (void) snprintf(rev, SP_REV_LEN + 1, "%s", stack[n - 1]);
    }

    free(stack);
}


sp_rc_t
sp_dir_record(const char *dir, const char *what, const char *from,
    const char *to, const unsigned char *hash, const sp_cli_args_t *args)
{
    char      at[SP_CLI_TIME_LEN], hex[2 * SP_POLICY_HASH_LEN + 1];
    char     *text, *line;
    size_t    len;
    json_t   *row;
    sp_rc_t   rc;

    sp_hex(hash, SP_POLICY_HASH_LEN, (unsigned char *) hex);
    hex[2 * SP_POLICY_HASH_LEN] = '\0';

    row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                    "at", sp_cli_time_text((int64_t) time(NULL), at),
                    "what", what, "from", from, "to", to, "sha256", hex,
                    "by", sp_cli_opt(args, "by"),
                    "reason", sp_cli_opt(args, "reason"));
    text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    json_decref(row);

    if (text == NULL) {
        sp_cli_error("no memory for the history");
        return SP_ERROR;
    }

    len = strlen(text) + 2;
    line = sp_cli_alloc(len);
    (void) snprintf(line, len, "%s\n", text);

    rc = sp_dir_append(dir, line, len - 1);

    free(text);
    free(line);

    return rc;
}


static sp_rc_t
sp_dir_append(const char *dir, const char *text, size_t len)
{
    int    fd, done;
    char   path[SP_DIR_PATH], last;
    off_t  end;

    if (sp_dir_path(path, dir, SP_DIR_HISTORY) != SP_OK) {
        return SP_ERROR;
    }

    fd = open(path, O_RDWR|O_CREAT|O_APPEND|O_CLOEXEC|O_NOFOLLOW, 0644);

    if (fd == -1) {
        sp_cli_error("cannot open '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    /* half a line of a call that was killed must not swallow this one */

    end = lseek(fd, 0, SEEK_END);
    done = end == 0
           || (end > 0 && pread(fd, &last, 1, end - 1) == 1
               && (last == '\n' || write(fd, "\n", 1) == 1));

    done = done && write(fd, text, len) == (ssize_t) len && fsync(fd) == 0;

    if (close(fd) != 0 || !done) {
        sp_cli_error("cannot write '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}
