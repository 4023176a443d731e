"""What /proc tells about processes."""

import os


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name: state, parent, group, session, …; or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            data = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return data[data.rindex(b")") + 2 :].split()


def session_members(session):
    """Living processes (not zombies) of a session."""
    members = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(name)
            if fields and int(fields[3]) == session and fields[0] != b"Z":
                members.append(int(name))
    return sorted(members)


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [part.decode() for part in file.read().split(b"\0")[:-1]]
    except (FileNotFoundError, ProcessLookupError):
        return []


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def parent(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def is_alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] != b"Z"


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def anonymous_bytes(pid):
    """Resident memory of its own, without what it shares with others."""
    with open(f"/proc/{pid}/status") as file:
        (line,) = [line for line in file if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def listens(pid):
    """Does it hold a listening socket?"""
    inodes = set()
    try:
        for name in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{name}") as file:
                rows = [line.split() for line in file.readlines()[1:]]
            inodes |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
        with open(f"/proc/{pid}/net/unix") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        inodes |= {f"socket:[{row[6]}]" for row in rows if int(row[3], 16) & 0x10000}  # __SO_ACCEPTCON
    except OSError:  # it has ended meanwhile: there is no such file, or no network behind it
        return False
    return any(target in inodes for target in files(pid).values())


def files(pid):
    """What its descriptors are of: {path in /proc: what it leads to}. What ends meanwhile is left out."""
    found = {}
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for name in names:
        path = f"/proc/{pid}/fd/{name}"
        try:
            found[path] = os.readlink(path)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
