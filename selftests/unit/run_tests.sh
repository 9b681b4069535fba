#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the unit test programs that it is given, and joins their KTAP to one list.
# Usage: run_tests.sh PROGRAM...   Exits with 1 if anything failed.

limit=180	# seconds for one program
nr=0
failed=0

result() {
	nr=$((nr + 1))
	[ "$1" = "ok" ] || failed=$((failed + 1))
	echo "$1 $nr $2"
}

echo "KTAP version 1"
for program in "$@"; do
	name=${program##*/}
	seen=0
	bad=0
	planned=none
	output=$(timeout "$limit" "$program" 2>&1)
	status=$?
	while IFS= read -r line; do
		case $line in
		"ok "*)
			line=${line#ok }
			result "ok" "$name: ${line#* }"
			seen=$((seen + 1)) ;;
		"not ok "*)
			line=${line#not ok }
			result "not ok" "$name: ${line#* }"
			seen=$((seen + 1))
			bad=$((bad + 1)) ;;
		"1.."*)
			planned=${line#1..} ;;
		"KTAP version"*) ;;
		"#"*)
			echo "$line" ;;
		*)
			[ -z "$line" ] || echo "# $line" ;;
		esac
	done <<< "$output"
	# A program that died, or stopped early, fails even if all it said was "ok".
	if [ "$planned" != "$seen" ] || { [ "$status" != 0 ] && [ "$bad" = 0 ]; }; then
		result "not ok" "$name: ended with status $status after $seen of $planned results"
	fi
done
echo "1..$nr"
echo "# $((nr - failed)) passed, $failed failed"
[ "$failed" = 0 ]
