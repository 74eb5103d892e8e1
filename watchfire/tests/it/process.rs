//! A process of the binary that goes on while a test talks to it: its log, its signals, its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest wait for anything; machines are slow at times.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One that was started; killed when dropped, and its log is told if that is because a test fails.
pub struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts it. What it says on standard error is read as it comes, so that it never waits for us.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().expect("nobody panics with it");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Process { child, log }
    }

    /// Waits until its log tells what is looked for in it; it must not end before.
    #[track_caller]
    pub fn told<T>(&mut self, look: impl Fn(&str) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            // Asked first: what it said last is in the log then or never.
            let going_on = self.is_going_on();
            let log = self.log();
            if let Some(found) = look(&log) {
                return found;
            }
            assert!(
                going_on && begun.elapsed() < PATIENCE,
                "it ended, or says nothing of it:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// The log as it grows, for whoever outlives the process.
    pub fn shared_log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_going_on(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status.code().unwrap_or(-1);
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not end:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills it at once; no harm if it has ended.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the process\n{}", self.log());
        }
    }
}
