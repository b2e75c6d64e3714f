//! What start files and a C library would bring: the first function, and on Linux the functions on memory
//! that the compiler calls on its own. On bare metal those come with `core`.

/// Makes `$main`, a `fn(&mut Device) -> i32`, the program. What it returns is the exit code.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        extern "C" fn run() -> ! {
            $crate::exit($main(&mut $crate::Device))
        }

        // The kernel enters a program without a return address and with the stack pointer at the
        // arguments; no Rust function can be entered so.
        #[cfg(target_os = "linux")]
        core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "xor ebp, ebp",
            "and rsp, -16",
            "call {run}",
            "ud2",
            run = sym run,
        );

        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            run()
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {
                core::hint::spin_loop();
            }
        }
    };
}

// In assembly, because the compiler makes a loop that copies into a call of `memcpy`; each in a section
// of its own, so that the linker leaves out what is not called.
#[cfg(target_os = "linux")]
core::arch::global_asm!(
    ".section .text.memcpy, \"ax\"",
    ".globl memcpy",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    ".section .text.memmove, \"ax\"",
    ".globl memmove",
    "memmove:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "mov r8, rdi",
    "sub r8, rsi",
    "cmp r8, rdx",
    "jb 2f",
    "rep movsb",
    "ret",
    // From the end, because the target begins inside of the source.
    "2:",
    "lea rdi, [rdi + rcx - 1]",
    "lea rsi, [rsi + rcx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    ".section .text.memset, \"ax\"",
    ".globl memset",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    ".section .text.memcmp, \"ax\"",
    ".globl memcmp, bcmp",
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
    ".text",
);
