//! Links the program's eight megabytes of relocations packed (RELR), where the machine that builds has a
//! C library that reads them: glibc 2.36. A program that is built on an older system runs there as before.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let at_home = variable("HOST") == variable("TARGET");
    if at_home
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && glibc().is_some_and(|it| it >= (2, 36))
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Version of this machine's C library.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
