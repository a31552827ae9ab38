#!/bin/sh
# From an installed program to the first sign-in at the emulator, by the commands that `sekisho init` prints.
# usage: first_hour.sh SEKISHO FOLDER; application.py and first_sign_in.py lie beside it.
set -eu
sekisho=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
began=$(date +%s)

until_open() {
    tries=0
    until python3 -c 'import socket, sys; socket.create_connection(("localhost", int(sys.argv[1])), 1)' "$1" 2>/dev/null
    do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || { echo "nothing listens on $1" >&2; exit 1; }
        sleep 0.2
    done
}

"$sekisho" init "$folder" --yes --city 東京都渋谷区 --section スポーツ振興課 --service 施設予約 --phone 03-0000-0000 \
    --contact https://www.city.example.lg.jp/contact --privacy https://www.city.example.lg.jp/privacy
"$sekisho" check -c "$folder/gateway.yaml"
"$sekisho" keys jwks "$folder/client-keys.jwks" >"$folder/public-keys.json"
python3 "$here/application.py" 8000 &
started=$!
trap 'kill $started; wait' EXIT
"$sekisho" emulator --port 9000 --client-id RP00000001 --redirect-uri http://localhost:8080/.sekisho/callback \
    --jwks "$folder/public-keys.json" &
started="$started $!"
until_open 9000
"$sekisho" run -c "$folder/gateway.yaml" &
started="$started $!"
until_open 8080
python3 "$here/first_sign_in.py" http://localhost:8080/mypage
echo "seconds to the first sign-in: $(($(date +%s) - began))"
