"""Local: commands that are about this machine by their nature, and so are no verbs of HTTP and Python."""

LOCAL = {
    "init": "it writes files of a new project",
    "adopt": "it writes the task file from scripts of this machine",
    "check": "it reads files and looks for programs of this machine",
    "run": "it runs scripts in this terminal",
    "completion": "it is about the shell of this machine",
    "sdk": "it copies a file into an environment of this machine",
    "up": "it starts a launcher on this machine",
    "service": "it writes a systemd unit of this machine",
    "shell": "it opens a terminal where the script ran",
    "backup": "it writes a file on this machine",
    "restore": "it makes a project on this machine",
    "export": "it writes a file on this machine",
    "import": "it fills the database from a file of this machine, while nobody uses it",
    "web": "it starts a server on this machine",
    "bridge": "it starts a process on this machine",
    "launcher": "it starts a launcher on this machine",
    "with-lock": "it runs a command on this machine, for scripts, which have the locks of their own attempt",
    "acquire": "it is for scripts, which have the lock of their own attempt",
    "release-lock": "it is for scripts, which have the lock of their own attempt",
    "token": "it shows a secret once; make it where the project is, or by a request of the HTTP API",
    "user": "it takes passwords; do it where the project is, or by a request of the HTTP API",
    "login": "it prints a secret link; do it where the project is, or by a request of the HTTP API",
}
"""Command → why it is about this machine by its nature, and so is no verb."""
