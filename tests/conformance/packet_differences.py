# SPDX-License-Identifier: Apache-2.0
"""Where packets rows and tshark differ, and why."""
DIFFERENCES = {}
NOT_COMPARED = {}
