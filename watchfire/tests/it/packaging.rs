//! What hosts need around the binary: the unit is hardened and read by systemd, the recipe makes a package that
//! dpkg reads, the container has no root, and the proxies' examples pass on what is believed.

use std::path::PathBuf;
use std::process::Command;

use crate::run::tree;

/// The widest exposure of the unit, of 10 (STANDARDS: 2.5).
const EXPOSURE: f64 = 2.5;

fn read(path: &str) -> String {
    std::fs::read_to_string(tree().join("packaging").join(path)).expect("it is there")
}

#[test]
fn the_unit_is_hardened() {
    let unit = tree().join("packaging/watchfire.service");
    let text = read("watchfire.service");
    for line in [
        "Type=notify",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "StateDirectory=watchfire",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}");
    }
    assert!(text.contains("WatchdogSec="), "a watchdog");
    let judged = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true"])
        .arg(&unit)
        .output();
    let Ok(judged) = judged else {
        eprintln!("SKIPPED: systemd-analyze is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&judged.stdout).into_owned();
    let level = text.lines().find_map(|line| {
        let rest = line
            .split_once("Overall exposure level for watchfire.service: ")?
            .1;
        rest.split(' ').next()?.parse::<f64>().ok()
    });
    let level = level.unwrap_or_else(|| {
        panic!(
            "systemd-analyze says no level:\n{text}{}",
            String::from_utf8_lossy(&judged.stderr)
        )
    });
    assert!(
        level <= EXPOSURE,
        "exposure {level}, {EXPOSURE} is the most:\n{text}"
    );
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&verified.stderr);
    // The binary is not installed here; everything else must be right.
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("watchfire.service"))
        .filter(|line| !line.contains("is not executable"))
        .collect();
    assert!(wrong.is_empty(), "{said}");
}

#[test]
fn the_recipe_makes_a_package() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        eprintln!("SKIPPED: dpkg-deb is not installed");
        return;
    }
    let out = tempfile::tempdir().expect("a folder");
    // The built binary is large with its symbols: a script in its place that passes on what the recipe asks of it.
    let binary = out.path().join("watchfire");
    let script = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_watchfire")
    );
    std::fs::write(&binary, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&binary, mode).expect("set");
    let build = |name: &str| {
        let made = Command::new(tree().join("packaging/debian/build"))
            .arg(&binary)
            .arg(out.path().join(name))
            .env("SOURCE_DATE_EPOCH", "1790000000")
            .output()
            .expect("the recipe runs");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        PathBuf::from(String::from_utf8_lossy(&made.stdout).trim().to_owned())
    };
    let (package, again) = (build("first"), build("again"));
    let dpkg_of = |package: &PathBuf, arguments: &[&str]| {
        let told = Command::new("dpkg-deb")
            .arg(arguments[0])
            .arg(package)
            .args(&arguments[1..])
            .output()
            .expect("it runs");
        assert!(
            told.status.success(),
            "{}",
            String::from_utf8_lossy(&told.stderr)
        );
        String::from_utf8_lossy(&told.stdout).into_owned()
    };
    // First what a reader can compare, so that a difference is seen and not only told.
    for told in [
        &["--contents"][..],
        &["--info", "control"],
        &["--info", "md5sums"],
    ] {
        let (one, other) = (dpkg_of(&package, told), dpkg_of(&again, told));
        let differ = |line: &(&str, &str)| line.0 != line.1;
        let differing: Vec<_> = one.lines().zip(other.lines()).filter(differ).collect();
        assert!(one == other, "{told:?}: {differing:?}");
    }
    // What is packed is ours; how xz packs it is the system's.
    for part in ["--ctrl-tarfile", "--fsys-tarfile"] {
        assert!(
            dpkg_of(&package, &[part]) == dpkg_of(&again, &[part]),
            "the same binary gives the same package: {part}"
        );
    }
    let dpkg = |argument: &str| dpkg_of(&package, &[argument]);
    let info = dpkg("--info");
    let version = env!("CARGO_PKG_VERSION");
    for part in [
        "Package: watchfire",
        &format!("Version: {version}"),
        "conffiles",
        "postinst",
        "prerm",
        "postrm",
    ] {
        assert!(info.contains(part), "{part}:\n{info}");
    }
    let contents = dpkg("--contents");
    for path in [
        "./usr/bin/watchfire",
        "./usr/lib/systemd/system/watchfire.service",
        "./usr/lib/sysusers.d/watchfire.conf",
        "./usr/share/man/man1/watchfire.1.gz",
        "./usr/share/man/man1/watchfire-users-add.1.gz",
        "./usr/share/bash-completion/completions/watchfire",
        "./usr/share/zsh/vendor-completions/_watchfire",
        "./usr/share/fish/vendor_completions.d/watchfire.fish",
        "./usr/share/doc/watchfire/copyright",
        "./etc/watchfire/environment",
    ] {
        assert!(
            contents.lines().any(|line| line.ends_with(path)),
            "{path}:\n{contents}"
        );
    }
    assert!(
        contents.lines().all(|line| line.contains(" root/root ")),
        "{contents}"
    );
    for script in [
        "debian/build",
        "debian/postinst",
        "debian/prerm",
        "debian/postrm",
    ] {
        let checked = Command::new("sh")
            .arg("-n")
            .arg(tree().join("packaging").join(script))
            .status();
        assert!(checked.is_ok_and(|status| status.success()), "{script}");
    }
    match Command::new("lintian")
        .args(["--fail-on", "error"])
        .arg(&package)
        .output()
    {
        Ok(found) => {
            let said = String::from_utf8_lossy(&found.stdout).into_owned();
            // The script in the binary's place is none of the package's.
            let wrong: Vec<&str> = said
                .lines()
                .filter(|line| line.starts_with("E:") && !line.contains("usr/bin/watchfire"))
                .collect();
            assert!(wrong.is_empty(), "{said}");
        }
        Err(_) => eprintln!("SKIPPED: lintian is not installed"),
    }
}

#[test]
fn the_container_has_no_root_and_the_proxies_say_one_address() {
    let recipe = read("Containerfile");
    for part in [
        "USER 10080",
        "VOLUME /var/lib/watchfire",
        "HEALTHCHECK",
        "STOPSIGNAL SIGTERM",
    ] {
        assert!(recipe.contains(part), "{part}");
    }
    let user = recipe.find("\nUSER ").expect("a user");
    let entry = recipe.find("\nENTRYPOINT ").expect("an entry");
    assert!(
        user < entry && !recipe[user..].contains("USER root"),
        "no root at the end"
    );
    // Set, not added to: what the other side claims must not come through.
    assert!(read("proxy/nginx.conf").contains("proxy_set_header X-Forwarded-For $remote_addr;"));
    assert!(!read("proxy/nginx.conf").contains("$proxy_add_x_forwarded_for"));
    assert!(read("proxy/Caddyfile").contains("header_up X-Forwarded-For {remote_host}"));
}
