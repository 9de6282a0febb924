#!/bin/sh
# Copy a scene's products to the archive.
#
#     ./deliver.sh SCENE ARCHIVE
#
# Each product is copied under a temporary name and then renamed, so that nobody ever sees half a file there. Running
# it again does no harm.
set -eu

scene=$1
archive=$2/$scene
mkdir -p "$archive"

for product in "$scene"_B?_toa.tif "$scene"_rgb.png "$scene"_quicklook.png; do
    cp "$product" "$archive/.$product.part"
    mv "$archive/.$product.part" "$archive/$product"
    echo "$archive/$product"
done
