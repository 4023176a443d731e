"""On what was measured: processor, kernel, distribution, versions. No names and no paths."""

import os
import platform
import re


def cpu_model(cpuinfo):
    """From the text of /proc/cpuinfo; aarch64 names only numbers."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.M)
    return found.group(1).strip() if found else platform.machine()


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def describe(proxies, proxy_cpus, load_cpus):
    distribution = re.search(r'^PRETTY_NAME="?([^"\n]+)', read("/etc/os-release"), re.M)
    shared = "the same one" if proxy_cpus == load_cpus else "another one"
    return {
        "Processor": f"{cpu_model(read('/proc/cpuinfo'))}, {os.cpu_count()} CPUs visible",
        "Kernel": f"Linux {platform.release().partition('-')[0]} {platform.machine()}",
        "Distribution": distribution.group(1) if distribution else "unknown",
        "Proxies": ", ".join(dict.fromkeys(filter(None, (p.version() for p in proxies)))),
        "Placement": f"proxy on one CPU, origin and load generator on {shared}",
    }
