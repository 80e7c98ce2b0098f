# patterns of notes
play_pattern [60, 64, 67]
play_pattern_timed [:c4, :d4, :e4], 0.25
play_pattern_timed [60, 62, 64, 65], [0.1, 0.2], release: 0.1, amp: 0.2
play_pattern_timed scale(:c3, :minor_pentatonic), 0.05, attack: 0.02
play_chord [50, 54, 57], release: 0.3
play_chord chord(:e3, :m7), amp: 0.4
