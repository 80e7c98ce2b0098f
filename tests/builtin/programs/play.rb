# notes in all their forms, with and without arguments
play 60
play :e4, amp: 0.5, pan: -0.3
play "fs3", attack: 0.1, sustain: 0.2, release: 0.3
sleep 0.5
play nil
play :r
play [60, 64, 67], amp: 0.9
play (chord :a3, :minor7), release: 0.2
sleep 0.25
play note: 50, amp: 0.1
play 70, on: false
play 71, on: 1
play -> { 62 }
play 60.5, pitch: 2
play :c
