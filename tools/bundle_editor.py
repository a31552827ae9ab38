"""Makes the one file of CodeMirror that the workbench serves, out of the packages that `editor/` pins.

The lock file has a hash of each package, npm runs none of their scripts, and the bundler is pinned like the rest: the
same lock makes the same bytes. The file begins with the licences of everything in it, and `editor/codemirror.sha256`
has its hash, which a test compares. `--check` makes the file anew and compares it, without a change.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "editor"
BUNDLE = ROOT / "gateway" / "console" / "static" / "codemirror.js"
HASH = SOURCE / "codemirror.sha256"

_INPUTS = ("package.json", "package-lock.json", "editor.js")


def make_bundle() -> bytes:
    """Return the file: the licences, then the code.

    Raises:
        subprocess.CalledProcessError: npm or the bundler fails.

    """
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm")
    with TemporaryDirectory() as made:
        folder = Path(made)
        for name in _INPUTS:
            shutil.copy(SOURCE / name, folder / name)
        subprocess.run(  # noqa: S603 - pinned packages, whose scripts do not run
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, stdout=sys.stderr
        )
        code = folder / "codemirror.js"
        meta = folder / "meta.json"
        bundler = next(folder.glob("node_modules/@esbuild/*/bin/esbuild"))
        subprocess.run(  # noqa: S603 - the pinned bundler
            [
                bundler,
                "editor.js",
                "--bundle",
                "--minify",
                "--format=esm",
                "--target=es2022",
                "--charset=utf8",
                "--legal-comments=none",
                f"--metafile={meta}",
                f"--outfile={code}",
                "--log-level=warning",
            ],
            cwd=folder,
            check=True,
        )
        used = json.loads(meta.read_text(encoding="utf-8"))["inputs"]
        return _licences(folder, used).encode() + code.read_bytes()


def _licences(folder: Path, used: dict[str, object]) -> str:
    """Return a comment with the licence of each package that has a file in the bundle, each text once."""
    packages = sorted({_package(name) for name in used if name.startswith("node_modules/")})
    texts: dict[str, list[str]] = {}
    for package in packages:
        home = folder / "node_modules" / package
        version = json.loads((home / "package.json").read_text(encoding="utf-8"))["version"]
        texts.setdefault((home / "LICENSE").read_text(encoding="utf-8").strip(), []).append(f"{package} {version}")
    parts = [f"{', '.join(names)}\n\n{text}" for text, names in texts.items()]
    return "/*!\n" + "\n\n----\n\n".join(parts).replace("*/", "* /") + "\n*/\n"


def _package(name: str) -> str:
    parts = name.removeprefix("node_modules/").split("/")
    return "/".join(parts[:2] if parts[0].startswith("@") else parts[:1])


def main() -> int:
    """Write the bundle and its hash, or compare them."""
    made = make_bundle()
    digest = hashlib.sha256(made).hexdigest()
    if sys.argv[1:] == ["--check"]:
        same = BUNDLE.read_bytes() == made and HASH.read_text(encoding="ascii").strip() == digest
        sys.stdout.write(f"{'the same' if same else 'DIFFERENT'}: {digest}\n")
        return 0 if same else 1
    BUNDLE.write_bytes(made)
    HASH.write_text(f"{digest}\n", encoding="ascii")
    sys.stdout.write(f"{BUNDLE.relative_to(ROOT)}: {len(made)} bytes, {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
