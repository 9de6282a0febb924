#!/bin/sh
# Fetch a scene's bands into this folder and check them.
#
#     ./load.sh MANIFEST          for example ./load.sh inbox/LC08_L1TP_224077_20200518_tile1.sha256
#
# Exit codes: 0 all bands are here and sound; 75 a band has not arrived yet, try again later (sysexits.h calls
# it EX_TEMPFAIL; Procession then runs this step once more, see `retry` in procession.toml); 1 a band is damaged.
set -eu

manifest=$1
inbox=$(dirname "$manifest")

# A line of the manifest: checksum, two blanks, file name.
while read -r checksum band; do
    if [ ! -e "$inbox/$band" ]; then
        echo "$band has not arrived yet" >&2
        # How long to wait is better known here than in the configuration: a band is at most seconds behind.
        if [ -n "${PROCESSION_RETRY_AFTER:-}" ]; then echo 3 > "$PROCESSION_RETRY_AFTER"; fi
        exit 75
    fi
    cp "$inbox/$band" .
    size=$(wc -c < "$band")
    if ! echo "$checksum  $band" | sha256sum --check --strict --status; then
        echo "$band is damaged: $size bytes arrived, and their checksum is not the one in the manifest" >&2
        exit 1
    fi
    echo "$band: $size bytes, checksum right"
done < "$manifest"
