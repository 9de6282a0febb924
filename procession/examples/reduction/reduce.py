#!/usr/bin/env python3
"""Time of flight → energy transfer, for a run of the chopper spectrometer LRMECS.

By hand: python reduce.py RUN.nxs DIRECTORY
"""

import json
import os
import sys

import h5py
import numpy
import reduce_vars as web_var
from PIL import Image, ImageDraw

MEV = 5.227037e6  # energy in meV of a neutron is MEV * (metres / microseconds)^2


def peak(monitor, window):
    """The moment in microseconds at which the monitor sees the pulse, and the counts in it."""
    edges, counts = monitor["time_of_flight"][()], monitor["data"][()].astype(float)
    centres = (edges[1:] + edges[:-1]) / 2
    near = abs(centres - centres[counts.argmax()]) <= window
    return float(numpy.average(centres[near], weights=counts[near])), float(counts[near].sum())


def incident(entry, advanced):
    """Incident energy in meV, the moment when the pulse is at the sample, and its counts: from the two monitors."""
    first, counts = peak(entry["monitor1"], advanced["monitor_window"])
    second, _ = peak(entry["monitor2"], advanced["monitor_window"])
    before, behind = (float(entry[name]["distance"][0]) for name in ("monitor1", "monitor2"))
    energy = advanced["incident_energy"] or MEV * ((behind - before) / (second - first)) ** 2
    return energy, first - before / (energy / MEV) ** 0.5, counts


def spectrum(entry, standard, energy, at_sample):
    """Counts over energy transfer, of all detectors; edges in meV."""
    counts = entry["data/data"][()]
    edges = entry["data/time_of_flight"][()]
    centres = (edges[1:] + edges[:-1]) / 2
    distance = entry["instrument/detector/distance"][()][:, None]
    flight = centres[None, :] - at_sample
    transfer = energy - MEV * (distance / numpy.where(flight > 0, flight, numpy.nan)) ** 2
    bins = numpy.linspace(standard["energy_min"], standard["energy_max"], int(standard["bins"]) + 1)
    good = numpy.isfinite(transfer)
    return numpy.histogram(transfer[good], bins=bins, weights=counts[good])[0], bins


def draw_map(entry, path):
    """Every detector over time of flight; brighter is more, on a logarithmic scale."""
    shade = numpy.log1p(entry["data/data"][()].astype(float))
    shade = (255 * shade / max(shade.max(), 1)).astype(numpy.uint8)
    Image.fromarray(shade).resize((750, 300), Image.Resampling.BILINEAR).save(path)


def draw_spectrum(counts, bins, title, path):
    """A line, on a logarithmic scale."""
    width, height, margin = 750, 400, 40
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    level = numpy.log10(numpy.maximum(counts, 1e-9 + counts[counts > 0].min() if (counts > 0).any() else 1))
    low, high = level.min(), max(level.max(), level.min() + 1e-9)
    x = margin + (width - 2 * margin) * numpy.arange(len(counts)) / max(len(counts) - 1, 1)
    y = height - margin - (height - 2 * margin) * (level - low) / (high - low)
    draw.rectangle((margin, margin, width - margin, height - margin), outline="grey")
    draw.line(numpy.stack([x, y], axis=1).ravel().tolist(), fill="navy", width=2)
    draw.text((margin, 12), title, fill="black")
    draw.text((margin, height - 30), f"{bins[0]:g} meV", fill="black")
    draw.text((width - margin - 60, height - 30), f"{bins[-1]:g} meV", fill="black")
    image.save(path)


def main(input_file, output_dir):
    """Reduce one run; what comes out are a spectrum in NeXus, the same for Plotly, and two pictures."""
    standard, advanced = web_var.standard_vars, web_var.advanced_vars
    name = os.path.splitext(os.path.basename(input_file))[0]
    with h5py.File(input_file) as file:
        entry = file["entry"]
        title = entry["title"][0].decode()
        energy, at_sample, monitor = incident(entry, advanced)
        counts, bins = spectrum(entry, standard, energy, at_sample)
        draw_map(entry, os.path.join(output_dir, f"{name}_map.png"))
    print(f"{name}: {title}")
    print(f"incident energy {energy:.2f} meV, {counts.sum():.0f} counts between {bins[0]:g} and {bins[-1]:g} meV")
    if not counts.any():
        raise ValueError(f"no counts between {bins[0]:g} and {bins[-1]:g} meV: is energy_min below {energy:.0f} meV?")
    intensity = counts / monitor
    centres = (bins[1:] + bins[:-1]) / 2
    print(f"the most at {centres[intensity.argmax()]:.1f} meV")
    with h5py.File(os.path.join(output_dir, f"{name}_spectrum.nxs"), "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = title
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": ["energy_transfer"]})
        data["intensity"], data["energy_transfer"] = intensity, bins
        data["energy_transfer"].attrs["units"] = "meV"
    draw_spectrum(intensity, bins, f"{name}  {title}", os.path.join(output_dir, f"{name}_spectrum.png"))
    plot = {"data": [{"x": centres.tolist(), "y": intensity.tolist(), "type": "scatter"}], "layout": {"title": name}}
    with open(os.path.join(output_dir, f"{name}.plotly.json"), "w") as file:
        json.dump(plot, file)
    return advanced["user_directory"] or None


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(sys.argv[1], sys.argv[2])
