/* void fiber_switch(void **save, void *to): saves what the System V ABI says a callee must keep
 * (rbx rbp r12-r15, MXCSR, x87 control word) on this stack, leaves this stack's pointer in *save and
 * goes on where `to` was left. No shadow-stack note: with CET shadow stacks a plain ret to another
 * stack would fault, so the linker must see that this object cannot have them. */
    .text
    .globl fiber_switch
    .hidden fiber_switch
    .type fiber_switch, @function
    .p2align 4
fiber_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size fiber_switch, . - fiber_switch

/* The first frame of every fiber: r12 holds the function, r13 its argument. It never returns, and a
 * backtrace ends here. */
    .globl fiber_trampoline
    .hidden fiber_trampoline
    .type fiber_trampoline, @function
    .p2align 4
fiber_trampoline:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size fiber_trampoline, . - fiber_trampoline

    .section .note.GNU-stack, "", @progbits
