#!/bin/sh
# Fetch the bands of a scene into this folder and check them.
#
#     ./load.sh INBOX SCENE          for example ./load.sh inbox LC08_L1TP_224077_20200518_tile0
set -eu

inbox=$1
scene=$2

cp "$inbox/$scene"_B[234].tif .
sha256sum --check --strict "$inbox/$scene.sha256"
