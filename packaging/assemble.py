"""Makes one file of the folder that PyInstaller has made: the launcher, and behind it the folder, packed.

The same folder always gives the same file. Its name in the user's cache is made of its content, so a new build never
meets the files of an older one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import platform
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent


def main(folder: str, target: str) -> int:
    sys.path.insert(0, str(HERE.parent))
    from linx import __version__

    payload = gzip.compress(packed(Path(folder)), mtime=0)
    text = (HERE / "launcher.sh").read_text(encoding="utf-8")
    values = {
        "VERSION": __version__,
        "SYSTEM": f"{platform.system()} {platform.machine()}",
        "ID": f"{__version__}-{hashlib.blake2b(payload, digest_size=8).hexdigest()}",
        "LINES": str(text.count("\n") + 1),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    path = Path(target)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)  # a Linx that runs goes on reading the file that it was started from
    path.write_bytes(text.encode() + payload)
    path.chmod(0o755)
    return 0


def packed(folder: Path) -> bytes:
    """The folder as a tar archive. Its last member is empty and says that nothing is missing."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=plain)
        archive.addfile(plain(tarfile.TarInfo("complete")))
    return data.getvalue()


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without whom the files belonged to, and when they were made."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    is_run = member.isdir() or member.mode & 0o100
    member.mode = 0o755 if is_run else 0o644
    return member


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
