// Package history has older history than a view holds; for strategies.
package history

import "menagerie/bridge"

// Before answers with at most count (256 at the most) entries whose id is below id, newest first.
func Before(id, count uint32) []bridge.HistoryEntry { return bridge.HistoryBefore(id, count) }
