//! The Slurm example for real: an array of three tasks on a Slurm of one node, all of it on loopback.
//!
//! Needs Debian's `slurm-wlm` and `munge`, and root, as `./check tools` installs them where it can;
//! elsewhere the test says that it was skipped. No systemd: the daemons are children of this test
//! and end with it (simulation.md E).

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{folder, run_in, until};

const PROGRAMS: [&str; 5] = ["munged", "slurmctld", "slurmd", "sbatch", "sinfo"];

/// Few, so that the tasks are short.
const MUTANTS: [&str; 2] = ["--mutant", "kill-inflight,empty-pool"];

/// A daemon that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

/// Why Slurm cannot run here; nothing where it can.
fn missing() -> Option<String> {
    let absent = PROGRAMS.into_iter().find(|name| program(name).is_none());
    if let Some(name) = absent {
        return Some(format!("`{name}` is not installed"));
    }
    let id = Command::new("id")
        .arg("-u")
        .output()
        .expect("`id` is on every Unix");
    let root = id.stdout.trim_ascii() == b"0";
    (!root).then(|| "only root may start a job as its owner".to_owned())
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

fn command(name: &str) -> Command {
    Command::new(program(name).expect("it was looked for before"))
}

/// A port that nobody uses at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A Slurm of one node in a folder of its own.
struct Slurm {
    conf: PathBuf,
    _daemons: [Daemon; 3],
}

impl Slurm {
    fn start(place: &Path) -> Self {
        let key = place.join("munge.key");
        let mut random = [0; 128];
        let mut source = fs::File::open("/dev/urandom").expect("every Unix has it");
        source.read_exact(&mut random).expect("it never ends");
        fs::write(&key, random).expect("the folder is ours");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("the file is ours");
        for name in ["state", "spool"] {
            fs::create_dir(place.join(name)).expect("the folder is ours");
        }
        let conf = place.join("slurm.conf");
        let node = Command::new("hostname")
            .arg("-s")
            .output()
            .expect("a host has a name");
        let node = String::from_utf8_lossy(&node.stdout).trim().to_owned();
        fs::write(&conf, configuration(place, &node)).expect("the folder is ours");
        let socket = place.join("munge.socket");
        let munged = daemon(
            place,
            command("munged").arg("--foreground").arg("--force").args([
                at("--key-file=", &key),
                at("--socket=", &socket),
                at("--pid-file=", &place.join("munged.pid")),
                at("--log-file=", &place.join("munged.log")),
                at("--seed-file=", &place.join("munged.seed")),
            ]),
        );
        until("munged listens", || socket.exists().then_some(()));
        let controller = daemon(place, command("slurmctld").arg("-D").arg("-f").arg(&conf));
        let worker = daemon(
            place,
            command("slurmd")
                .arg("-D")
                .arg("-f")
                .arg(&conf)
                .args(["-N", &node]),
        );
        let slurm = Self {
            conf,
            _daemons: [worker, controller, munged],
        };
        until("the node is idle", || {
            (slurm.says("sinfo", &["-h", "-o", "%t"]) == "idle").then_some(())
        });
        slurm
    }

    fn says(&self, name: &str, arguments: &[&str]) -> String {
        let output = command(name)
            .args(arguments)
            .env("SLURM_CONF", &self.conf)
            .output()
            .expect("it is installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn at(option: &str, path: &Path) -> String {
    format!("{option}{}", path.display())
}

fn daemon(place: &Path, command: &mut Command) -> Daemon {
    let name = command.get_program().to_string_lossy().replace('/', "_");
    let log = fs::File::create(place.join(format!("{name}.out"))).expect("the folder is ours");
    let errors = log.try_clone().expect("a file can be shared");
    let child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn();
    Daemon(child.expect("it is installed"))
}

fn configuration(place: &Path, node: &str) -> String {
    let in_folder = |name: &str| place.join(name).display().to_string();
    let mut text = String::new();
    for (name, value) in [
        ("ClusterName", "turquoise".to_owned()),
        ("SlurmctldHost", format!("{node}(127.0.0.1)")),
        ("SlurmUser", "root".to_owned()),
        ("SlurmdUser", "root".to_owned()),
        ("AuthType", "auth/munge".to_owned()),
        ("AuthInfo", format!("socket={}", in_folder("munge.socket"))),
        ("CredType", "cred/munge".to_owned()),
        // Neither cgroups nor systemd are asked for anything.
        ("ProctrackType", "proctrack/linuxproc".to_owned()),
        ("TaskPlugin", "task/none".to_owned()),
        ("SwitchType", "switch/none".to_owned()),
        ("MpiDefault", "none".to_owned()),
        ("JobAcctGatherType", "jobacct_gather/none".to_owned()),
        (
            "AccountingStorageType",
            "accounting_storage/none".to_owned(),
        ),
        // Loopback alone.
        (
            "CommunicationParameters",
            "NoCtldInAddrAny,NoInAddrAny".to_owned(),
        ),
        ("SlurmctldPort", free_port().to_string()),
        ("SlurmdPort", free_port().to_string()),
        ("SlurmctldPidFile", in_folder("slurmctld.pid")),
        ("SlurmdPidFile", in_folder("slurmd.pid")),
        ("SlurmctldLogFile", in_folder("slurmctld.log")),
        ("SlurmdLogFile", in_folder("slurmd.log")),
        ("StateSaveLocation", in_folder("state")),
        ("SlurmdSpoolDir", in_folder("spool")),
        ("SelectType", "select/cons_tres".to_owned()),
        ("SelectTypeParameters", "CR_CPU".to_owned()),
        (
            "SchedulerParameters",
            "batch_sched_delay=0,sched_interval=1".to_owned(),
        ),
        ("ReturnToService", "2".to_owned()),
        (
            "NodeName",
            format!("{node} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN"),
        ),
        (
            "PartitionName",
            format!("local Nodes={node} Default=YES State=UP"),
        ),
    ] {
        let _infallible = writeln!(text, "{name}={value}");
    }
    text
}

#[test]
fn the_slurm_example_runs_as_an_array_and_merges_to_the_whole() {
    if let Some(why) = missing() {
        println!("skipped: {why}; `./check tools` installs slurm-wlm and munge as root");
        return;
    }
    let place = folder();
    let slurm = Slurm::start(place.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign/slurm.sbatch");
    let results = format!("file://{}/results", place.path().display());
    let submitted = command("sbatch")
        .arg("--wait")
        .arg(&script)
        .args(MUTANTS)
        .current_dir(place.path())
        .env("SLURM_CONF", &slurm.conf)
        .env("TURQUOISE", env!("CARGO_BIN_EXE_turquoise"))
        .env("SEEDS", "9")
        .env("RESULTS", &results)
        .output()
        .expect("it is installed");
    assert!(
        submitted.status.success(),
        "{submitted:?}\n{}",
        logs(place.path())
    );
    let merged = run_in(&place, &["simulate", "merge", &results, "--output", "json"]).result();
    let unshared = ["simulate", "--seeds", "9", "--output", "json"];
    let whole = run_in(&place, &[&unshared[..], &MUTANTS].concat()).result();
    assert_eq!(merged["scenarios"], 9, "{}", logs(place.path()));
    assert_eq!(merged["digest"], whole["digest"]);
    assert_eq!(merged["mutants"]["killed"], whole["mutants"]["killed"]);
}

/// What the tasks and the daemons wrote, for a failure.
fn logs(place: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let log = fs::read_to_string(&path).unwrap_or_default();
            let _infallible = write!(text, "== {}\n{log}", path.display());
        }
    }
    text
}
