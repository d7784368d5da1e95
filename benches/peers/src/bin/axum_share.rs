//! Question: how much of a request does the guard take?
//!
//! A: all that the guard does for one request, in process: the key read from its text, the job made, held, captured.
//! B: the CPU time that an axum server spends on an empty request over loopback, keep-alive, read from the kernel's
//! account of the server's thread. Linux only.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use billing_guard::{AccountId, Guard, IdempotencyKey, Job, Tariff, Usage, wait};
use billing_guard_peers::{Effort, Table, Target, nanos_each, take_turns, usd};

/// An empty server on a thread of its own, and where the kernel counts that thread's time.
fn serve() -> (SocketAddr, String) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let task = fs::read_link("/proc/thread-self").expect("Linux");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            sender.send((address, format!("/proc/{}/schedstat", task.display()))).expect("a receiver");
            axum::serve(listener, Router::new().route("/", get(|| async {}))).await.expect("serving");
        });
    });
    receiver.recv().expect("a server")
}

/// Nanoseconds that a thread has run.
fn cpu_nanos(schedstat: &str) -> u64 {
    let text = fs::read_to_string(schedstat).expect("schedstat");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
}

/// So many requests over each of several connections at once.
fn load(address: SocketAddr, connections: usize, requests: usize) {
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).expect("a connection");
                stream.set_nodelay(true).expect("no delay");
                let mut answer = [0; 1024];
                for _ in 0..requests {
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
                    let read = stream.read(&mut answer).expect("an answer");
                    assert!(answer[..read].starts_with(b"HTTP/1.1 200") && answer[..read].ends_with(b"\r\n\r\n"));
                }
            });
        }
    });
}

/// Everything the guard does for one request that is admitted.
fn guarded(guard: &Guard, account: &AccountId, key: &str) {
    let job = Job::new("query")
        .exact("bytes", 180_u64)
        .at_most("rows", 400_u64)
        .with_key(IdempotencyKey::new(key).expect("a key"));
    let mut hold = wait(guard.hold(account, job)).expect("a hold");
    let usage = Usage::new().with("bytes", 180_u64).with("rows", 120_u64);
    std::hint::black_box(wait(hold.capture(&usage)).expect("a receipt"));
}

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("the guard's share : an empty axum request", effort);
    let tariff = Tariff::new().per_unit("bytes", "0.00001").and_then(|tariff| tariff.per_unit("rows", "0.002"));
    let guard = Guard::in_memory(usd()).price("query", tariff.expect("a tariff")).build().expect("a guard");
    let account = AccountId::new("acct_1").expect("an account");
    wait(guard.top_up(&account, IdempotencyKey::unique(), usd().minor(1_000_000_000_000_000))).expect("a top-up");
    let (address, schedstat) = serve();
    let mut serial = 0_u64;
    for connections in [1, 8] {
        let (cycles, requests) = (effort.pick(50_000, 200), effort.pick(16_000, 160) / connections);
        let turns = take_turns(
            effort.pick(15, 2),
            || {
                let keys: Vec<String> = (0..cycles)
                    .map(|_| {
                        serial += 1;
                        format!("request-{serial:012}")
                    })
                    .collect();
                let start = Instant::now();
                for key in &keys {
                    guarded(&guard, &account, key);
                }
                nanos_each(start.elapsed(), cycles)
            },
            || {
                let before = cpu_nanos(&schedstat);
                load(address, connections, requests);
                (cpu_nanos(&schedstat) - before) as f64 / (connections * requests) as f64
            },
        );
        table.turns(&format!("{connections} connection(s)"), &turns, Target::AtMost(0.10));
    }
}
