//! A root directory that holds what a command may see and nothing else.
//!
//! System directories and those of the interpreter are mounted at their own paths, read only. The
//! container's directories are below `/sandbox`, so the paths in answers are the same on every
//! machine. `/tmp` belongs to the container. Everything else does not exist there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chdir, pivot_root};

use super::report::WhyNot;
use super::{Interpreter, Job};

/// Where the container's directories are.
const BASE: &str = "/sandbox";

/// What programs need of the system. Directories are mounted as they are; links (`/bin` →
/// `usr/bin`) are made again.
pub(super) const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
    "/sys/devices/system",
];

/// The parts of `/etc` that programs read; none of them is private.
pub(super) const ETC: [&str; 25] = [
    "alternatives",
    "bash.bashrc",
    "debian_version",
    "fonts",
    "gai.conf",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "profile",
    "protocols",
    "redhat-release",
    "services",
    // `ssl/private` is left out.
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
];

pub(super) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

const PASSWD: &str = "claude:x:1000:1000:Claude:/sandbox/home:/bin/bash\n";
const GROUP: &str = "claude:x:1000:\n";
const HOSTS: &str = "127.0.0.1 localhost sandbox\n::1 localhost\n";

/// Makes the root and moves into it; returns where the container's directory is now.
pub(super) fn enter(job: &Job, python: Option<&Interpreter>) -> Result<PathBuf, WhyNot> {
    let new = Root {
        at: job.root.join("mnt"),
    };
    new.build(job, python)
        .and_then(|()| new.pivot())
        .map(|()| PathBuf::from(BASE))
        .map_err(|(what, error)| WhyNot::step(what, error))
}

type Step = Result<(), (String, std::io::Error)>;

struct Root {
    at: PathBuf,
}

impl Root {
    fn build(&self, job: &Job, python: Option<&Interpreter>) -> Step {
        unshare(CloneFlags::CLONE_NEWNS).map_err(|error| ("unshare".to_owned(), error.into()))?;
        let none = None::<&str>;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        attempt("/", mount(none, "/", none, private, none))?;
        self.tmpfs(&self.at, "size=4m,mode=755")?;
        for path in SYSTEM {
            self.system(Path::new(path))?;
        }
        self.etc()?;
        self.proc()?;
        self.bind(&job.root.join("tmp"), Path::new("/tmp"), false)?;
        if let Some(python) = python {
            for (from, to) in &python.directories {
                self.bind(from, to, true)?;
            }
        }
        for (name, read_only) in super::environment::DIRECTORIES {
            let to = Path::new(BASE).join(name);
            self.bind(&job.root.join(name), &to, read_only)?;
        }
        self.dev()?;
        // This makes only the skeleton read only. The mounts below it do not change.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        self.read_only(&self.at, flags)
    }

    /// Makes this directory the root. The old root cannot be reached any more.
    fn pivot(&self) -> Step {
        attempt("chdir", chdir(&self.at))?;
        attempt("pivot_root", pivot_root(".", "."))?;
        attempt("umount", umount2(".", MntFlags::MNT_DETACH))?;
        attempt("chdir", chdir("/"))
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.at.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn system(&self, path: &Path) -> Step {
        let Ok(meta) = fs::symlink_metadata(path) else {
            return Ok(());
        };
        if meta.is_symlink() {
            let to = self.inside(path);
            let made = fs::read_link(path).and_then(|target| {
                fs::create_dir_all(to.parent().unwrap_or(&self.at))?;
                symlink(target, &to)
            });
            return made.map_err(named(path));
        }
        self.bind(path, path, true)
    }

    fn etc(&self) -> Step {
        let etc = self.inside(Path::new("/etc"));
        fs::create_dir_all(etc.join("ssl")).map_err(named(&etc))?;
        let python = fs::read_dir("/etc").into_iter().flatten().flatten();
        let python = python.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let python = python.filter(|name| name.starts_with("python"));
        for name in ETC.into_iter().map(str::to_owned).chain(python) {
            let from = Path::new("/etc").join(&name);
            match fs::metadata(&from) {
                Ok(meta) if meta.is_dir() => self.bind(&from, &from, true)?,
                Ok(meta) if meta.is_file() => {
                    // A directory that cannot be read is left out, as if it did not exist.
                    let _skipped = fs::copy(&from, etc.join(&name));
                }
                _ => {}
            }
        }
        for (name, text) in [("passwd", PASSWD), ("group", GROUP), ("hosts", HOSTS)] {
            fs::write(etc.join(name), text).map_err(named(&etc))?;
        }
        Ok(())
    }

    /// Mounts a `/proc` that shows only our processes. If that is refused, mounts the `/proc` of
    /// the parent.
    fn proc(&self) -> Step {
        let to = self.inside(Path::new("/proc"));
        fs::create_dir_all(&to).map_err(named(&to))?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        if mount(Some("proc"), &to, Some("proc"), flags, None::<&str>).is_ok() {
            return Ok(());
        }
        self.bind(Path::new("/proc"), Path::new("/proc"), false)
    }

    fn dev(&self) -> Step {
        let dev = self.inside(Path::new("/dev"));
        fs::create_dir_all(dev.join("shm")).map_err(named(&dev))?;
        for name in DEVICES {
            let to = dev.join(name);
            fs::write(&to, "").map_err(named(&to))?;
            self.mount_bind(&Path::new("/dev").join(name), &to)?;
        }
        let links = [
            ("fd", ""),
            ("stdin", "/0"),
            ("stdout", "/1"),
            ("stderr", "/2"),
        ];
        for (name, end) in links {
            let to = dev.join(name);
            symlink(format!("/proc/self/fd{end}"), &to).map_err(named(&to))?;
        }
        self.tmpfs(&dev.join("shm"), "size=256m,mode=1777")
    }

    fn bind(&self, from: &Path, to: &Path, read_only: bool) -> Step {
        let to = self.inside(to);
        if fs::metadata(from).is_ok_and(|meta| meta.is_file()) {
            let parent = to.parent().unwrap_or(&self.at);
            let made = fs::create_dir_all(parent).and_then(|()| fs::write(&to, ""));
            made.map_err(named(&to))?;
        } else {
            fs::create_dir_all(&to).map_err(named(&to))?;
        }
        self.mount_bind(from, &to)?;
        if !read_only {
            return Ok(());
        }
        // A user namespace must keep the restrictions that the mount already has.
        let set = statvfs(&to).map(|stat| stat.flags()).unwrap_or_default();
        let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        for (has, keep) in [
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
            (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
            (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
            (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
        ] {
            flags.set(keep, set.contains(has));
        }
        self.read_only(&to, flags)
    }

    fn mount_bind(&self, from: &Path, to: &Path) -> Step {
        let none = None::<&str>;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(from), to, none, flags, none).map_err(|error| named(from)(error.into()))
    }

    fn read_only(&self, at: &Path, flags: MsFlags) -> Step {
        let none = None::<&str>;
        let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(none, at, none, flags, none).map_err(|error| named(at)(error.into()))
    }

    fn tmpfs(&self, at: &Path, options: &str) -> Step {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let kind = Some("tmpfs");
        mount(kind, at, kind, flags, Some(options)).map_err(|error| named(at)(error.into()))
    }
}

fn attempt(what: &str, result: nix::Result<()>) -> Step {
    result.map_err(|error| (what.to_owned(), error.into()))
}

fn named(path: &Path) -> impl Fn(std::io::Error) -> (String, std::io::Error) {
    let path = path.display().to_string();
    move |error| (path.clone(), error)
}
