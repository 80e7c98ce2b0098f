# the stream of random numbers, and how it is moved about in
puts rand, rand, rand(5), rand_i(10), rand(2..4), rand_i(3..9)
rand_back 2
puts rand, rand_look, rand, rand_i_look(100), rand_skip, rand_skip(3), rand_back(2)
rand_reset
puts rand, rrand(1, 5), rrand(5, 1), rrand(1, 2, step: 0.25), rrand_i(1, 6), rrand(3, 3), rdist(1, 10)
puts dice, dice(20), one_in(2), one_in(3), one_in(0), choose([1, 2, 3]), [4, 5, 6].choose, (ring 7, 8).choose
puts [1, 2, 3, 4, 5].shuffle, (ring 1, 2, 3, 4).shuffle, shuffle([9, 8, 7]), "abcde".shuffle, :wxyz.shuffle
puts [1, 2, 3].pick, [1, 2, 3].pick(4), (ring 1, 2, 3).pick(2), pick([1, 2, 3], 2), [1, 2].pick(2, skip: 1)
use_random_seed 42
puts rand, current_random_seed
with_random_seed(3) { puts rand, rand }
puts rand
use_random_seed 2.5
puts rand, rand(0), rand_i(0)
use_random_seed(-7)
puts rand
