"""Fibers in gdb, for a live process or a core file:

    gdb -p PID -x tools/gdb.py        or        gdb portcullis core -x tools/gdb.py
    (gdb) fibers              all of them, with where each waits
    (gdb) fibers exchange     those of one name
    (gdb) fibers all          with every frame

A suspended fiber's registers lie on its stack, where fiber_switch_*.S put them. Frames are found by their
frame pointers, so that nothing in the process is changed."""

import gdb

FRAMES_MAX = 64
# Where the saved frame pointer and return address stand, in bytes from the saved stack pointer.
SAVED = {"x86-64": (48, 56), "aarch64": (80, 88)}


def read_word(address):
    memory = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(memory), "little")


def processor():
    name = gdb.selected_frame().architecture().name()
    return "aarch64" if "aarch64" in name else "x86-64"


def place(pc):
    """"socket_read (src/net/socket.c:93)", as far as is known. A return address stands behind its call."""
    block = gdb.block_for_pc(pc - 1)
    while block and not block.function:
        block = block.superblock
    line = gdb.find_pc_line(pc - 1)
    name = block.function.print_name if block else f"0x{pc:x}"
    return f"{name} ({line.symtab.filename}:{line.line})" if line.symtab else name


def return_addresses(fiber):
    """From the innermost outwards, as long as they lie on the fiber's stack."""
    lowest = int(fiber["stack"]["memory"])
    highest = lowest + int(fiber["stack"]["bytes"])
    saved = int(fiber["saved"])
    if not lowest <= saved < highest:
        return
    frame_at, return_at = SAVED[processor()]
    frame, address = read_word(saved + frame_at), read_word(saved + return_at)
    for _ in range(FRAMES_MAX):
        if not address:
            return
        yield address
        if not lowest <= frame < highest - 16:
            return
        frame, address = read_word(frame), read_word(frame + 8)


def living():
    """The list of all fibers, which src/runtime/fiber.c keeps for us."""
    head = gdb.parse_and_eval("&'fiber.c'::all_fibers")
    kind = gdb.lookup_type("struct fiber")
    offset = next(field.bitpos // 8 for field in kind.fields() if field.name == "all")
    node = head.dereference()["next"]
    while node and int(node) != int(head):
        yield gdb.Value(int(node) - offset).cast(kind.pointer())
        node = node.dereference()["next"]


class Fibers(gdb.Command):
    """Lists fibers: fibers [NAME|all]"""

    def __init__(self):
        super().__init__("fibers", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        wanted = argument.strip()
        current = int(gdb.parse_and_eval("'fiber.c'::current"))
        count = 0
        for pointer in living():
            fiber = pointer.dereference()
            name = fiber["name"].string()
            count += 1
            if wanted not in ("", "all", name):
                continue
            self.show(pointer, fiber, name, int(pointer) == current, wanted == "all")
        print(f"{count} fibers")

    @staticmethod
    def show(pointer, fiber, name, is_running, with_frames):
        state = "runs" if is_running else "runnable" if fiber["queued"] else "waits"
        if fiber["cancelled"]:
            state += ", cancelled"
        print(f"fiber 0x{int(pointer):x} {name}: {state}, in {fiber['function']}({fiber['argument']})")
        if is_running:
            return # its frames are those of `backtrace`
        for number, address in enumerate(return_addresses(fiber)):
            text = place(address)
            # the runtime's own frames say nothing about where it waits
            if with_frames or not text.startswith(("switch_to_", "fiber_", "pollable_")):
                print(f"    #{number} {text}")
                if not with_frames:
                    break


Fibers()
