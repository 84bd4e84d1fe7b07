//! A proxy as companies have one, as a process of its own: it takes CONNECT, asks for a password if it has one, and
//! notes what it was asked for.
//!
//! The process is this test binary, started again for [`process`] alone: so it is always as new as the tests.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use azure_core::base64::encode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdin, Command},
};

const NOTES: &str = "TEST_PROXY_NOTES";
const PASSWORD: &str = "TEST_PROXY_PASSWORD";
const USER: &str = "operator";

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A running proxy. It ends with its owner, however that ends.
pub struct Proxy {
    address: String,
    notes: PathBuf,
    _process: Child,
    /// It ends when nobody holds this any more.
    _leash: Option<ChildStdin>,
}

impl Proxy {
    pub async fn start(password: Option<&str>) -> Self {
        let number = SERIAL.fetch_add(1, Ordering::Relaxed);
        let notes = std::env::temp_dir().join(format!("mdi-proxy-{}-{number}", std::process::id()));
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["proxy::process", "--exact", "--ignored"])
            .env(NOTES, &notes)
            .env(PASSWORD, password.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let leash = process.stdin.take();
        let begun = Instant::now();
        loop {
            let said = std::fs::read_to_string(&notes).unwrap_or_default();
            if let Some((address, _)) = said.split_once('\n') {
                return Self { address: address.to_owned(), notes, _process: process, _leash: leash };
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "the proxy does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What `HTTPS_PROXY` is set to.
    pub fn url(&self, password: Option<&str>) -> String {
        let user = password.map(|password| format!("{USER}:{password}@")).unwrap_or_default();
        format!("http://{user}{}", self.address)
    }

    /// What it was asked for, each once.
    pub fn asked(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(&self.notes).unwrap();
        let mut asked: Vec<_> = notes.lines().skip(1).map(str::to_owned).collect();
        asked.sort();
        asked.dedup();
        asked
    }

    /// Whether it was asked for this address, with or without a scheme.
    pub fn has_seen(&self, address: &str) -> bool {
        let bare = address.split("://").last().unwrap().trim_end_matches('/');
        self.asked().iter().any(|line| line.contains(bare))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.notes);
    }
}

#[tokio::test]
#[ignore = "the process of the proxy, started by the tests that need one"]
async fn process() {
    let Some(notes) = std::env::var_os(NOTES) else { return };
    let password = std::env::var(PASSWORD).unwrap_or_default();
    let wanted = (!password.is_empty()).then(|| format!("Basic {}", encode(format!("{USER}:{password}"))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut notes = std::fs::File::create(notes).unwrap();
    let note = move |line: &str| {
        use std::io::Write as _;
        notes.write_all(format!("{line}\n").as_bytes()).unwrap();
    };
    std::thread::spawn(|| {
        // Whoever started it holds the other end, and says nothing until it ends.
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        std::process::exit(0);
    });
    serve(listener, wanted, note).await;
}

async fn serve(listener: TcpListener, wanted: Option<String>, mut note: impl FnMut(&str)) {
    note(&listener.local_addr().unwrap().to_string());
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let Some(head) = head(&mut client).await else { continue };
        let mut words = head.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let shown = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        });
        let refusal = match method {
            _ if wanted.is_some() && shown != wanted => Some("407 Proxy Authentication Required"),
            "CONNECT" => None,
            _ => Some("405 Method Not Allowed"),
        };
        note(&format!("{method} {target}{}", refusal.map(|text| format!(" {text}")).unwrap_or_default()));
        let target = target.to_owned();
        tokio::spawn(async move {
            if let Some(refusal) = refusal {
                let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = client.write_all(answer.as_bytes()).await;
            } else if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// The request up to its empty line, byte by byte: what follows is not ours to read.
async fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok().filter(|_| head.len() < 10_000)?);
    }
    String::from_utf8(head).ok()
}
