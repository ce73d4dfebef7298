//! The `hotline` command: see [`hotline::cli`].

fn main() -> std::process::ExitCode {
    hotline::cli::run()
}
