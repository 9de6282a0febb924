"""What may be changed from run to run without touching reduce.py."""

standard_vars = {
    "energy_min": -60.0,
    "energy_max": 120.0,
    "bins": 90,
}

advanced_vars = {
    "incident_energy": 0.0,
    "monitor_window": 60.0,
    "user_directory": "",
}

variable_help = {
    "standard_vars": {
        "energy_min": "lowest energy transfer of the spectrum, meV",
        "energy_max": "highest energy transfer of the spectrum, meV",
        "bins": "number of bins of the spectrum",
    },
    "advanced_vars": {
        "incident_energy": "meV; 0: from the time between the peaks of the two monitors",
        "monitor_window": "half the width of the window around a monitor's peak, microseconds",
        "user_directory": "a directory that gets a copy of everything; empty: none",
    },
}
