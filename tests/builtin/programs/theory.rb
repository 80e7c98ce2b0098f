# scales, chords and degrees, as they were before the makams
whole = scale_names.to_a.select { |name| scale(:c4, name).to_a.all? { |n| n.is_a?(Integer) } }
whole.each { |name| puts name, scale(:c4, name).to_a.join(" ") }
chord_names.to_a.reject { |name| name == "m6*9" }.each { |name| puts name, chord(:c4, name).to_a.join(" ") }
puts scale(:e3, :minor_pentatonic, num_octaves: 2) + [], scale(:major) + [], chord(:d4, :sus4, num_octaves: 2) + []
puts chord(:c4, :major, invert: 1), chord(:c4, :major, invert: -1), chord_invert([60, 64, 67], 2)
puts [1, 2, 8, "iii", :iv, :aiv, :dv, "p5"].map { |d| degree(d, :c4, :major) }
puts chord_degree(:ii, :c4, :major, 3), chord_degree(1, :a3, :minor), chord_degree(5, :c, :major, 4, invert: 1)
puts octs(:c3, 3), note_range(:c4, :e4), note_range(:c4, :c5, pitches: chord(:c, :major)), midi_notes(:c, 5)
