#!/bin/sh
# Installs Sekisho from this folder, without a network. It compares every file with SHA256SUMS before anything else.
set -eu

prefix=/opt/sekisho
python=python3
only_check=

here=$(cd "$(dirname "$0")" && pwd)

case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
    ja*) japanese=yes ;;
    *) japanese= ;;
esac

say() {
    if [ -n "$japanese" ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

refuse() {
    say "install.sh: $1" "install.sh: $2" >&2
    exit 2
}

usage() {
    say "usage: ./install.sh [--prefix FOLDER] [--python PYTHON] [--check]
  --prefix FOLDER  the folder of the program ($prefix)
  --python PYTHON  Python 3.11, 3.12 or 3.13 ($python)
  --check          compare the files with SHA256SUMS, and install nothing" \
"使い方：./install.sh [--prefix フォルダー] [--python PYTHON] [--check]
  --prefix フォルダー  プログラムを置くフォルダー（$prefix）
  --python PYTHON      Python 3.11、3.12、3.13 のどれか（$python）
  --check              ファイルを SHA256SUMS と照合するだけで、何も入れません"
}

while [ $# -gt 0 ]; do
    case "$1" in
        --prefix | --python)
            [ $# -ge 2 ] || refuse "$1 needs a value" "$1 に値がありません"
            if [ "$1" = --prefix ]; then prefix=$2; else python=$2; fi
            shift 2
            ;;
        --prefix=*) prefix=${1#*=}; shift ;;
        --python=*) python=${1#*=}; shift ;;
        --check) only_check=yes; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

cd "$here"
[ -f SHA256SUMS ] || refuse "SHA256SUMS is missing" "SHA256SUMS がありません"
sha256sum --check --strict --quiet SHA256SUMS || refuse \
    "files are not what SHA256SUMS says; nothing was installed. Copy the bundle again" \
    "ファイルが SHA256SUMS と一致しません。何も入れていません。もう一度コピーしてください"
listed=$(sed 's/^[0-9a-f]*  //' SHA256SUMS | LC_ALL=C sort)
found=$(find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | LC_ALL=C sort)
[ "$listed" = "$found" ] || refuse \
    "the folder has files that SHA256SUMS does not name; nothing was installed" \
    "SHA256SUMS にないファイルがあります。何も入れていません"
say "1. every file is what SHA256SUMS says" "1. すべてのファイルが SHA256SUMS と一致しました"
[ -z "$only_check" ] || exit 0

case "$prefix" in
    /*) ;;
    *) refuse "--prefix must begin with /" "--prefix は / から書いてください" ;;
esac
command -v "$python" >/dev/null 2>&1 || refuse \
    "$python is not installed; name another with --python" "$python がありません。--python で指定してください"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ -f "python-$version" ] || refuse \
    "the bundle has no libraries for Python $version; it has: $(echo python-*)" \
    "Python $version 用のライブラリは入っていません。入っているもの：$(echo python-*)"
machine=$(cat machine)
[ "$(uname -m)" = "$machine" ] || refuse \
    "the bundle is for $machine, this machine is $(uname -m)" \
    "この束は $machine 用で、このマシンは $(uname -m) です"
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
case "$libc" in
    "glibc 2."*) [ "${libc#glibc 2.}" -ge 28 ] 2>/dev/null || libc= ;;
    *) libc= ;;
esac
[ -n "$libc" ] || refuse "glibc 2.28 or newer is needed" "glibc 2.28 以降が必要です"

if [ -e "$prefix" ] && [ ! -x "$prefix/bin/sekisho" ] && [ -n "$(ls -A "$prefix")" ]; then
    refuse "$prefix is not empty and no installation of Sekisho; name another folder with --prefix" \
        "$prefix は空ではなく、Sekisho のフォルダーでもありません。--prefix で別のフォルダーを指定してください"
fi

say "2. making an environment of Python $version in $prefix" "2. $prefix に Python $version の環境を作ります"
"$python" -m venv --without-pip "$prefix" || refuse \
    "the environment cannot be made in $prefix" "$prefix に環境を作れません"
say "3. installing from wheels/, without a network, each wheel compared with its hash" \
    "3. wheels/ から入れます。ネットワークは使わず、wheel ごとにハッシュを照合します"
"$prefix/bin/python" "$(echo pip-*.whl)/pip" --isolated --disable-pip-version-check --no-cache-dir --no-input install --quiet \
    --no-index --find-links wheels --require-hashes --no-deps --requirement "python-$version" || refuse \
    "pip could not install the wheels; see its words above" "pip が wheel を入れられませんでした。上の表示を見てください"

printed=$("$prefix/bin/sekisho" --version)
say "4. done: $printed in $prefix" "4. 終わりました：$prefix に $printed"
say "Next:
  $prefix/bin/sekisho init /etc/sekisho    asks a dozen questions, and prints the steps after it
  docs/packages.md                         tells of the service and of upgrades" \
"次にすること：
  $prefix/bin/sekisho init /etc/sekisho    十数個の質問に答えると、その後の手順を表示します
  docs/packages.ja.md                      サービスと更新の説明です"
