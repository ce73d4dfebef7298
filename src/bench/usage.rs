//! What a process and this machine use, as Linux tells in `/proc`.

use std::collections::HashMap;
use std::time::Duration;

/// Ticks a second of `/proc/*/stat` (USER_HZ): 100 on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used, and this machine's kernel for all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time, user's and system's.
    pub(super) cpu: Duration,
    /// Resident memory in KB.
    pub(super) resident: u64,
    /// The kernel's own memory in KB (Slab), of all processes.
    pub(super) kernel: u64,
    /// Time that the machine's host kept from it, all processors together.
    pub(super) stolen: Duration,
}

impl Usage {
    pub(super) fn of(process: u32) -> Usage {
        let read = |file: String| std::fs::read_to_string(file).unwrap_or_default();
        let stat = read(format!("/proc/{process}/stat"));
        // After the name, which is in brackets and may hold anything: the state is field 3, utime 14, stime 15.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let resident = kilobytes(&read(format!("/proc/{process}/status")), "VmRSS:");
        let kernel = kilobytes(&read("/proc/meminfo".into()), "Slab:");
        let machine = read("/proc/stat".into());
        let stolen = machine.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0);
        Usage { cpu: time(ticks), resident, kernel, stolen: time(stolen) }
    }
}

fn time(ticks: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Datagrams that the kernel dropped at these ports because their sockets were full.
pub(super) fn dropped(ports: &[u16]) -> u64 {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
    let by_port: HashMap<u16, u64> = tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let port = u16::from_str_radix(columns.nth(1)?.rsplit_once(':')?.1, 16).ok()?;
            Some((port, columns.last()?.parse().ok()?))
        })
        .collect();
    ports.iter().filter_map(|port| by_port.get(port)).sum()
}
