//! A program of the user's behind the local gateway: deployed, swapped, killed, ended.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::{Started, folder, run_in, until, write_short_configuration};

/// Azure's minutes in seconds.
const SPEED: &str = "--speed=60";

/// The example's two images, with a file for what each instance prints.
fn images() -> String {
    let example = include_str!("../examples/shop/images.toml");
    let logged = example.replace("ready = \"/\"", "ready = \"/\"\nlog = \"logs\"");
    assert_eq!(
        logged.matches("logs").count(),
        2,
        "the example has two images"
    );
    logged
}

/// A local Azure whose instances run the shop.
struct Shops {
    folder: tempfile::TempDir,
    endpoint: String,
    azure: Started,
}

impl Shops {
    fn open() -> Self {
        let folder = folder();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("the folder is ours");
        };
        write("shop.py", include_str!("../examples/shop/shop.py"));
        write("images.toml", &images());
        let arguments = [
            "emulate",
            "--images",
            "images.toml",
            "--output",
            "json",
            SPEED,
        ];
        let mut azure = Started::new(&folder, &arguments);
        let ready = azure.event(|event| event["event"] == "ready");
        let endpoint = ready["arm"].as_str().expect("it names its endpoint");
        let shops = Self {
            endpoint: endpoint.to_owned(),
            folder,
            azure,
        };
        write_short_configuration(&shops.folder);
        shops
    }

    #[track_caller]
    fn completes(&self, verb: &[&str]) {
        let mut arguments = verb.to_vec();
        arguments.extend(["--endpoint", &self.endpoint, "--output", "json", SPEED]);
        let ended = run_in(&self.folder, &arguments);
        assert_eq!(
            ended.code, 0,
            "{verb:?}: {}\n{}",
            ended.stdout, ended.stderr
        );
    }

    /// What the gateway answers over plain HTTP.
    fn answer(&self) -> Option<String> {
        let addresses = get(&format!("{}/turquoise/addresses", self.endpoint))?;
        let addresses: serde_json::Value = serde_json::from_str(&addresses).ok()?;
        let rows = addresses.as_array()?;
        // The gateway's public address is the only one outside 10.0.0.0/8.
        let outside = rows.iter().find(|row| {
            let address = row["address"].as_str().unwrap_or("10.");
            !address.starts_with("10.") && row["port"] == 80
        })?;
        get(&format!("http://{}/", outside["listens"].as_str()?))
    }

    /// The last process that served an instance, as its log says.
    fn pid(&self, instance: &str) -> Option<String> {
        let log = self
            .folder
            .path()
            .join("logs")
            .join(format!("{instance}.log"));
        let log = std::fs::read_to_string(log).ok()?;
        let mut served = log.lines().filter(|line| line.contains(" as process "));
        Some(served.next_back()?.rsplit(' ').next()?.to_owned())
    }
}

fn get(url: &str) -> Option<String> {
    let output = Command::new("curl")
        .args(["--silent", "--fail", "--max-time", "10", url])
        .stdin(Stdio::null())
        .output()
        .expect("curl is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn a_program_of_the_users_is_swapped_watched_and_ended() {
    let shops = Shops::open();
    for part in ["frontend", "green", "blue"] {
        shops.completes(&["deploy", part]);
    }
    let answer = until("green answers", || shops.answer());
    assert!(answer.starts_with("green-v1 on green-vmss_"), "{answer}");
    shops.completes(&["swap"]);
    let answer = until("blue answers", || {
        shops.answer().filter(|text| text.starts_with("blue-v2"))
    });

    let instance = answer.trim_end().rsplit(' ').next().unwrap_or_default();
    let killed = shops.pid(instance).expect("it left its process id");
    let sent = Command::new("kill").args(["-KILL", &killed]).status();
    assert!(sent.expect("`kill` is on every Unix").success());
    until("the instance has another process", || {
        shops
            .pid(instance)
            .filter(|pid| *pid != killed && runs(pid))
    });

    let logs = std::fs::read_dir(shops.folder.path().join("logs")).expect("it is there");
    let pids: Vec<String> = logs
        .map(|log| log.expect("readable").path())
        .filter_map(|log| shops.pid(log.file_stem()?.to_str()?))
        .collect();
    assert!(pids.len() >= 4, "two instances a side: {pids:?}");
    shops.azure.interrupt();
    assert_eq!(shops.azure.end().code, 130);
    for pid in pids {
        assert!(!runs(&pid), "process {pid} outlived its Azure");
    }
}

#[test]
fn an_images_file_that_is_wrong_names_the_image_and_what_is_wrong() {
    let folder = folder();
    let file = folder.path().join("images.toml");
    std::fs::write(file, "[images.\"shop\"]\ncomand = \"./shop\"\n").expect("the folder is ours");
    let ended = run_in(&folder, &["emulate", "--images", "images.toml"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("unknown field `comand`"),
        "{}",
        ended.stderr
    );
    let ended = run_in(&folder, &["emulate", "--images", "nowhere.toml"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert!(ended.stderr.contains("nowhere.toml"), "{}", ended.stderr);
}
