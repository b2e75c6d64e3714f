//! What a C library would bring: the first function of a process, its last system call, and the four
//! functions on memory that the compiler calls on its own.

/// Makes `$main`, an `extern "C" fn() -> i32`, the program. What it returns is the exit code.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        // The kernel enters a program without a return address and with the stack pointer at the
        // arguments; no Rust function can be entered so. `exit_group` is system call 231.
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "xor ebp, ebp",
            "and rsp, -16",
            "call {main}",
            "mov edi, eax",
            "mov eax, 231",
            "syscall",
            "ud2",
            main = sym $main,
        );
        #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
        compile_error!("these programs are written for x86-64 Linux only");
    };
}

// In assembly, because the compiler makes a loop that copies into a call of `memcpy`.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
core::arch::global_asm!(
    ".globl memcpy, memmove, memset, memcmp, bcmp",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    // From the end, if the target begins inside of the source.
    "memmove:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "mov r8, rdi",
    "sub r8, rsi",
    "cmp r8, rdx",
    "jb 2f",
    "rep movsb",
    "ret",
    "2:",
    "lea rdi, [rdi + rcx - 1]",
    "lea rsi, [rsi + rcx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    "memcmp:",
    "bcmp:",
    "mov rcx, rdx",
    "xor eax, eax",
    "repe cmpsb",
    "je 2f",
    "movzx eax, byte ptr [rdi - 1]",
    "movzx ecx, byte ptr [rsi - 1]",
    "sub eax, ecx",
    "2:",
    "ret",
);
