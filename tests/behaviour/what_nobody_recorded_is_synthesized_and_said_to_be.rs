//! `hotline prompts synthesize`: a command or a server speaks what nobody recorded; it is taken in as a speaker's files are, said
//! to be synthesized, asked for once, and the server's key is seen nowhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use hotline::audio::{ClipStore, active_level, read_wav};
use hotline::facts::{Form, Language};

use crate::support::prompts::{Place, wav, words};

const TEXT: &str = "Welcome to the hotline of the city, we are glad that you call";

/// A server of OpenAI's form on this machine: gives each request's head and body, and answers with these.
fn server(answers: Vec<(u16, Vec<u8>)>) -> (SocketAddr, Receiver<(String, serde_json::Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
            }
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            let mut asked = vec![0; length.unwrap()];
            reader.read_exact(&mut asked).unwrap();
            let mut stream = stream;
            write!(stream, "HTTP/1.1 {status} so\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
                .unwrap();
            stream.write_all(&body).unwrap();
            tell.send((head, serde_json::from_slice(&asked).unwrap())).unwrap();
        }
    });
    (address, told)
}

fn sound(seconds: f64) -> Vec<u8> {
    wav(24_000, &words(24_000, seconds, 0.5))
}

/// A menu that says one text, of which `common` is recorded by nobody either: those texts are left alone by `--only`-less runs
/// in other languages, so everything is asked for.
fn texts_of(place: &Place) -> usize {
    place.run(&["missing", "menu"]).1.lines().filter(|line| line.starts_with("en")).count()
}

#[test]
fn a_command_speaks_and_is_named_in_the_list() {
    let place = Place::new(TEXT);
    // Written to a pipe: the length in its header is a guess.
    let mut piped = sound(4.0);
    piped[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    piped[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(place.path("said.wav"), piped).unwrap();
    let command = "sh -c 'cat >> asked; echo >> asked; echo {language} {voice} >> how; cat said.wav'";
    let arguments = ["synthesize", "menu", "--command", command, "--voice", "amy", "--any-length", "--jobs", "1"];
    let (code, said) = place.run(&arguments);
    let texts = std::fs::read_to_string(place.path("asked")).unwrap().lines().count();
    assert!(code == 0 && said.contains("recordings synthesized by sh amy"), "{said}");
    assert!(std::fs::read_to_string(place.path("how")).unwrap().starts_with("en amy\n"));
    assert_eq!(place.run(&["missing", "menu"]).0, 0, "all of them");
    let clips = ClipStore::load(&place.path("prompts")).unwrap();
    let recording = clips.recordings(Language::En).iter().find(|recording| &*recording.text == TEXT).unwrap();
    assert_eq!((recording.voice.as_str(), recording.path.ends_with("en/welcome.wav")), ("synthesized by sh amy", true));
    let samples = read_wav(&place.path("prompts/en/welcome.wav")).unwrap();
    assert!((-21.5..-18.5).contains(&active_level(&samples)));

    // Made anew it is not asked for again; and what a person spoke is never made anew.
    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 4.0, 0.5))).unwrap();
    assert_eq!(place.run(&["import", "--menu", "menu", "--language", "en", "--voice", "Li", "welcome.wav"]).0, 0);
    let (code, said) = place.run(&[&arguments[..], &["--again"]].concat());
    assert!(code == 0 && !said.contains("welcome.wav"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path("asked")).unwrap().lines().count(), texts);
}

#[test]
fn a_server_is_asked_for_each_text_and_its_key_is_seen_nowhere() {
    const KEY: &str = "sk-never-to-be-seen";
    let place = Place::new(TEXT);
    let texts = texts_of(&place);
    let (address, asked) = server(vec![(200, sound(4.0)); texts]);
    let url = format!("http://{address}/v1/audio/speech");
    let arguments =
        ["synthesize", "menu", "--url", &url, "--model", "small", "--voice", "amy", "--setting", "speed=0.9"];
    let arguments = [&arguments[..], &["--any-length"]].concat();
    let environment = [("HOTLINE_SPEECH_KEY", KEY), ("HOTLINE_LOG", "trace")];
    let (code, said) = place.run_with(&environment, &arguments);
    assert!(code == 0 && !said.contains(KEY), "{said}");
    let asked: Vec<_> = asked.iter().collect();
    let (head, body) = asked.iter().find(|(_, body)| body["input"] == TEXT).unwrap();
    assert!(head.starts_with("POST /v1/audio/speech HTTP/1.1") && head.contains(&format!("Bearer {KEY}")), "{head}");
    assert_eq!(
        (&body["model"], &body["voice"], &body["response_format"]),
        (&"small".into(), &"amy".into(), &"wav".into())
    );
    assert_eq!(body["speed"], 0.9);
    let list = std::fs::read_to_string(place.path("prompts/en/recordings.toml")).unwrap();
    assert!(list.contains("synthesized by small amy") && !list.contains(KEY));
}

#[test]
fn what_a_server_or_command_gets_wrong_is_told_and_the_rest_is_kept() {
    const KEY: &str = "sk-never-to-be-seen";
    let place = Place::new(TEXT);
    let texts = texts_of(&place);
    let refusal = format!("no such key: {KEY}").into_bytes();
    let mut answers = vec![(401, refusal), (200, b"no sound".to_vec()), (200, sound(0.05))];
    answers.extend(vec![(200, sound(4.0)); texts - 3]);
    let (address, _asked) = server(answers);
    std::fs::write(place.path("key"), format!("{KEY}\n")).unwrap();
    let url = format!("http://{address}/v1/audio/speech");
    let rest = ["--model", "m", "--voice", "v", "--key-file", "key", "--any-length", "--jobs", "1"];
    let arguments = [&["synthesize", "menu", "--url", &url][..], &rest].concat();
    let (code, said) = place.run(&arguments);
    assert!(code == 1 && !said.contains(KEY), "{said}");
    for reason in ["answered 401: no such key: ·", "no WAV, FLAC or MP3", "ms of it sound", "3 of"] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(texts_of(&place), 3, "the others are there");
    // Nobody listens there now.
    let (code, said) = place.run(&arguments);
    assert!(code == 1 && said.contains("cannot be asked"), "{said}");
    for wrong in ["http://key@127.0.0.1/", "127.0.0.1:80"] {
        let (code, said) = place.run(&["synthesize", "menu", "--url", wrong, "--model", "m", "--voice", "v"]);
        assert!(code == 2 && !said.contains("key@"), "{said}");
    }
    let late = ["synthesize", "menu", "--command", "sleep 60", "--deadline", "50ms", "--jobs", "3"];
    let (code, said) = place.run(&late);
    assert!(code == 1 && said.contains("took longer than 50ms"), "{said}");
    assert_eq!(place.run(&["synthesize", "menu", "--command", "'unclosed"]).0, 2);
}

#[test]
fn a_sound_of_another_length_than_its_text_is_refused() {
    let place = Place::new(TEXT);
    std::fs::write(place.path("said.wav"), sound(30.0)).unwrap();
    let (code, said) = place.run(&["synthesize", "menu", "--command", "sh -c 'cat > /dev/null; cat said.wav'"]);
    assert!(code == 1 && said.contains("where its text takes about"), "{said}");
    let clips = ClipStore::load(&place.path("prompts")).unwrap();
    assert!(clips.find(Language::En, TEXT, Form::Plain).is_none());
}
