# the temple's great gong, struck three times: the node threw its pod out
place = ev[:namespace].sum % 5 * 0.4 - 0.8
bronze = midi_to_hz(52 + ev[:namespace].sum % 5 * 2)

3.times do
  [1, 1.52, 2.03, 2.74, 3.76, 4.97].each_with_index do |partial, n|
    synth :beep, note: hz_to_midi(bronze * partial), attack: 0.01 + 0.03 * n, release: 2.4 - 0.3 * n,
      amp: 0.17 / (1 + 0.2 * n), pan: place
  end
  sleep 0.7
end
